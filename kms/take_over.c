#include "kms/take_over.h"

#include "kms/agent.h"
#include "kms/domain.h"
#include "kms/lifecycle.h"
#include "kms/wire.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"

#include <string.h>

#define PATH_SUFFIX "/prpc"

char *take_over_source_url(const char *url, GError **error) {
  if (!g_str_has_prefix(url, "https://") || strlen(url) > KMS_MAX_NAME - sizeof PATH_SUFFIX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "source url must begin with https://");
    return NULL;
  }
  g_autofree char *base = g_strdup(url);
  while (g_str_has_suffix(base, "/"))
    base[strlen(base) - 1] = '\0';
  return g_str_has_suffix(base, PATH_SUFFIX) ? g_steal_pointer(&base) : g_strconcat(base, PATH_SUFFIX, NULL);
}

/* ---- what dstack-kms-handover asks while it fetches ---- */

static gboolean answer_judge(const KmsSetup *setup, const char *vm_config, Reader *body, GError **error) {
  g_autoptr(GBytes) certificate = wire_get_bytes(body, KMS_MAX_CERTIFICATE);
  return reader_finish(body, "question about the source", error) &&
         verifier_client_judge_source(setup->verifier, certificate, vm_config, error);
}

static gboolean answer_quote(Reader *body, WireBuffer *answer, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  g_autoptr(GBytes) quote = NULL, event_log = NULL;
  reader_copy(body, report_data, sizeof report_data);
  if (!reader_finish(body, "question for a quote", error) || !agent_get_quote(report_data, &quote, &event_log, error))
    return FALSE;
  wire_put_bytes(answer, quote);
  wire_put_bytes(answer, event_log);
  return TRUE;
}

static WireBuffer *answer_question(const KmsSetup *setup, const char *vm_config, const WireBuffer *question) {
  g_autoptr(GError) error = NULL;
  g_autoptr(WireBuffer) answer = wire_buffer_new(WIRE_OK);
  Reader body = wire_body(question);
  gboolean answered = wire_type(question) == HANDOVER_JUDGE ? answer_judge(setup, vm_config, &body, &error)
                                                            : answer_quote(&body, answer, &error);
  return answered ? g_steal_pointer(&answer) : wire_error_answer(error);
}

/* Answers questions until the result comes. */
static WireBuffer *converse(const KmsSetup *setup, const char *vm_config, GError **error) {
  for (;;) {
    g_autoptr(WireBuffer) message = wire_receive(setup->handover, WIRE_MAX_FRAME, error);
    if (!message)
      return NULL;
    if (wire_type(message) != HANDOVER_JUDGE && wire_type(message) != HANDOVER_QUOTE)
      return g_steal_pointer(&message);
    g_autoptr(WireBuffer) answer = answer_question(setup, vm_config, message);
    if (!wire_send(setup->handover, answer, error))
      return NULL;
  }
}

typedef struct {
  GBytes *sealed, *ca_spki;
} FetchedKeys;

static void fetched_keys_clear(FetchedKeys *keys) {
  g_clear_pointer(&keys->sealed, g_bytes_unref);
  g_clear_pointer(&keys->ca_spki, g_bytes_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(FetchedKeys, fetched_keys_clear)

static gboolean fetch(const KmsSetup *setup, const char *url, const guint8 recipient[KMS_RECIPIENT_SIZE],
                      FetchedKeys *out, GError **error) {
  g_autofree char *vm_config = agent_get_vm_config(error);
  if (!vm_config)
    return FALSE;
  g_autoptr(WireBuffer) request = wire_buffer_new(HANDOVER_FETCH);
  wire_put_text(request, url);
  wire_put_text(request, vm_config);
  wire_put_fixed(request, recipient, KMS_RECIPIENT_SIZE);
  if (!wire_send(setup->handover, request, error))
    return FALSE;
  g_autoptr(WireBuffer) answer = converse(setup, vm_config, error);
  if (!answer || !wire_require_ok(answer, error))
    return FALSE;
  Reader body = wire_body(answer);
  out->sealed = wire_get_bytes(&body, KMS_MAX_SEALED);
  out->ca_spki = wire_get_bytes(&body, KMS_MAX_NAME);
  return reader_finish(&body, "fetched root keys", error);
}

/* ---- the keys that came ---- */

static gboolean is_expected(const char *expected_hex, const void *actual, gsize len, const char *what, GError **error) {
  if (!*expected_hex)
    return TRUE;
  g_autofree char *hex = hex_encode(actual, len);
  const char *expected = g_str_has_prefix(expected_hex, "0x") ? expected_hex + 2 : expected_hex;
  if (g_ascii_strcasecmp(hex, expected) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "source has another %s than core.onboard expects: %s", what,
              hex);
  return FALSE;
}

static gboolean check_expected(const KmsConfig *config, const KeyholderPublicKeys *keys, GError **error) {
  gsize len;
  const void *spki = g_bytes_get_data(keys->root_spki, &len);
  return is_expected(config->expected_ca_pubkey, spki, len, "root ca key", error) &&
         is_expected(config->expected_k256_pubkey, keys->k256_public, sizeof keys->k256_public, "root k256 key", error);
}

static gboolean adopt(const KmsSetup *setup, const char *url, KeyholderPublicKeys *keys, GError **error) {
  guint8 recipient[KMS_RECIPIENT_SIZE];
  g_auto(FetchedKeys) fetched = {0};
  return keyholder_client_recipient(setup->keyholder, recipient, error) &&
         fetch(setup, url, recipient, &fetched, error) &&
         keyholder_client_adopt(setup->keyholder, fetched.sealed, fetched.ca_spki, keys, error) &&
         check_expected(setup->config, keys, error);
}

gboolean take_over(const KmsSetup *setup, const char *source_url, const char *domain,
                   guint8 k256_public[K256_PUBLIC_BYTES], GError **error) {
  g_auto(KeyholderPublicKeys) keys = {0};
  g_autofree char *url = kms_domain_check(domain, error) ? take_over_source_url(source_url, error) : NULL;
  if (!url)
    return FALSE;
  if (!adopt(setup, url, &keys, error)) {
    g_prefix_error(error, "failed to take over the keys of %s: ", url);
    return FALSE;
  }
  if (!lifecycle_keep(setup->config, setup->keyholder, domain, &keys, NULL, error))
    return FALSE;
  memcpy(k256_public, keys.k256_public, K256_PUBLIC_BYTES);
  log_info("root keys of %s taken over for %s", url, domain);
  return TRUE;
}
