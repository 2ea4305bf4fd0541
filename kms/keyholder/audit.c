#include "kms/keyholder/audit.h"

#include "base/hex.h"
#include "crypto/digest.h"
#include "crypto/k256.h"

#include <string.h>

/* How many refusals may be recorded now; one more each second. */
typedef struct {
  guint left;
  gint64 refilled; /* monotonic, microseconds */
} Quota;

struct Audit {
  AuditLog *log;
  Quota proven, unproven;
  guint64 unrecorded; /* refusals since the last line */
};

static void set_hex(json_t *line, const char *key, const guint8 *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  json_object_set_new(line, key, json_string(hex));
}

static void set_start(json_t *line, const AuditLog *log, const guint8 *public_key) {
  json_object_set_new(line, "event", json_string("start"));
  json_object_set_new(line, "version", json_string(DSTACK_VERSION));
  set_hex(line, "k256_public_key", public_key, K256_PUBLIC_SIZE);
  if (audit_log_length(log) == 0) { /* two replicas have one key, but not one log */
    g_autoptr(Secret) random = secret_new_random(16);
    set_hex(line, "log", secret_peek(random), secret_len(random));
  }
  if (audit_log_torn_bytes(log) != 0)
    json_object_set_new(line, "torn_bytes", json_integer((json_int_t)audit_log_torn_bytes(log)));
}

Audit *audit_open(const char *dir, gboolean sync_each, const Secret *key, GError **error) {
  guint8 public_key[K256_PUBLIC_SIZE];
  g_autoptr(Audit) audit = g_new0(Audit, 1);
  gint64 now = g_get_monotonic_time();
  audit->proven = audit->unproven = (Quota){AUDIT_REFUSALS_BURST, now};
  audit->log = audit_log_open(dir, sync_each, key, error);
  if (!audit->log || !k256_public(key, public_key, error))
    return NULL;
  g_autoptr(json_t) line = json_object();
  set_start(line, audit->log, public_key);
  return audit_log_append(audit->log, line, error) ? g_steal_pointer(&audit) : NULL;
}

void audit_free(Audit *audit) {
  if (!audit)
    return;
  audit_log_free(audit->log);
  g_free(audit);
}

AuditLog *audit_peek_log(Audit *audit) { return audit->log; }

static const char *request_name(AuditRequest request) {
  static const char *const names[] = {"connection", "GetAppKey", "SignCert", "GetKmsKey"};
  return names[request];
}

static void set_block(json_t *line, guint64 block) {
  json_object_set_new(line, "contract_block",
                      block <= G_MAXINT64 ? json_integer((json_int_t)block) : json_string("unknown"));
}

static void set_facts(json_t *line, const AuditFacts *facts) {
  json_object_set_new(line, "request", json_string(request_name(facts->request)));
  if (facts->has_client_key)
    set_hex(line, "client_key", facts->client_key, sizeof facts->client_key);
  json_object_set_new(line, "proven", json_boolean(facts->proven));
  if (!facts->proven)
    return;
  set_hex(line, "app_id", facts->app_id, sizeof facts->app_id);
  set_hex(line, "instance_id", facts->instance_id, facts->has_instance_id ? sizeof facts->instance_id : 0);
  set_hex(line, "device_id", facts->device_id, sizeof facts->device_id);
  set_hex(line, "compose_hash", facts->compose_hash, sizeof facts->compose_hash);
  set_hex(line, "mr_aggregated", facts->mr_aggregated, sizeof facts->mr_aggregated);
  set_hex(line, "mr_system", facts->mr_system, sizeof facts->mr_system);
  set_hex(line, "os_image_hash", facts->os_image_hash, sizeof facts->os_image_hash);
  json_object_set_new(line, "tcb_status", json_string(facts->tcb_status));
  set_block(line, facts->contract_block);
}

static gboolean append(Audit *audit, json_t *line, GError **error) {
  if (audit->unrecorded != 0)
    json_object_set_new(line, "refusals_not_recorded", json_integer((json_int_t)audit->unrecorded));
  if (!audit_log_append(audit->log, line, error))
    return FALSE;
  audit->unrecorded = 0;
  return TRUE;
}

gboolean audit_release(Audit *audit, const AuditFacts *facts, const guint8 *certificate, GError **error) {
  if (!audit)
    return TRUE;
  g_autoptr(json_t) line = json_pack("{s:s}", "event", "release");
  set_facts(line, facts);
  if (certificate)
    set_hex(line, "certificate", certificate, SHA256_SIZE);
  if (append(audit, line, error))
    return TRUE;
  g_prefix_error(error, "nothing is released that can not be recorded: ");
  return FALSE;
}

static gboolean take(Quota *quota) {
  gint64 now = g_get_monotonic_time();
  gint64 seconds = (now - quota->refilled) / G_USEC_PER_SEC;
  quota->left = (guint)MIN((gint64)quota->left + seconds, AUDIT_REFUSALS_BURST);
  quota->refilled += seconds * G_USEC_PER_SEC;
  if (quota->left == 0)
    return FALSE;
  quota->left--;
  return TRUE;
}

gboolean audit_refusal(Audit *audit, const AuditFacts *facts, const char *reason, GError **error) {
  if (!audit)
    return TRUE;
  if (!take(facts->proven ? &audit->proven : &audit->unproven)) {
    audit->unrecorded++;
    return TRUE;
  }
  g_autoptr(json_t) line = json_pack("{s:s}", "event", "refusal");
  set_facts(line, facts);
  json_object_set_new(line, "reason", json_string(reason));
  return append(audit, line, error);
}
