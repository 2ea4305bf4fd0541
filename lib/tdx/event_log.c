/* Event logs in their JSON form (spec: attestation C.1, C.4). */
#include "tdx/event_log.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "tdx/event_log_internal.h"

#include <string.h>

#define FOREIGN_PAYLOAD_MAX (1024 * 1024)

TdxEventLog *tdx_event_log_new(void) { return g_ptr_array_new_with_free_func((GDestroyNotify)tdx_event_free); }

static gboolean invalid(GError **error, const char *text) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s", text);
  return FALSE;
}

gboolean tdx_event_log_append(TdxEventLog *log, TdxEvent *event, GError **error) {
  gboolean is_runtime = event->type == TDX_RUNTIME_EVENT_TYPE;
  gboolean placed = FALSE;
  if (log->len >= TDX_LOG_MAX_EVENTS)
    invalid(error, "event log has too many events");
  else if (event->imr >= TDX_N_RTMRS)
    invalid(error, "event names a register that does not exist");
  else if (is_runtime != (event->imr == TDX_RUNTIME_RTMR))
    invalid(error, is_runtime ? "runtime event outside rtmr3" : "event of another type on rtmr3");
  else
    placed = TRUE;
  if (placed)
    g_ptr_array_add(log, event);
  else
    tdx_event_free(event);
  return placed;
}

static gboolean agrees(const TdxEvent *event, const void *digest) {
  return memcmp(digest, event->digest, sizeof event->digest) == 0;
}

/* The digest of a runtime event follows from its name and payload; what the log says may only agree. A preimage is one
 * more way to say it. */
static gboolean check_runtime_digest(TdxEvent *event, GBytes *claimed, GBytes *preimage, GError **error) {
  gsize claimed_len = 0, preimage_len = 0;
  const void *claim = claimed ? g_bytes_get_data(claimed, &claimed_len) : NULL;
  const void *image = preimage ? g_bytes_get_data(preimage, &preimage_len) : NULL;
  guint8 given[48];
  tdx_event_set_version(event, event->version);
  if (claimed_len > 0 && claimed_len != sizeof event->digest)
    return invalid(error, "event digest is not 48 bytes");
  gboolean same = claimed_len == 0 || agrees(event, claim);
  if (preimage_len > 0) {
    digest_sha384(image, preimage_len, given);
    same = same && agrees(event, given);
  }
  if (!same)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "event digest mismatch");
  return same;
}

static gboolean set_digest(TdxEvent *event, GBytes *claimed, GBytes *preimage, GError **error) {
  if (event->type == TDX_RUNTIME_EVENT_TYPE)
    return check_runtime_digest(event, claimed, preimage, error);
  if (!claimed || g_bytes_get_size(claimed) != sizeof event->digest)
    return invalid(error, "event digest is not 48 bytes");
  memcpy(event->digest, g_bytes_get_data(claimed, NULL), sizeof event->digest);
  return TRUE;
}

gboolean tdx_event_log_add(TdxEventLog *log, TdxEvent *event, GBytes *digest, GBytes *preimage, GError **error) {
  if (g_bytes_get_size(event->payload) > FOREIGN_PAYLOAD_MAX)
    invalid(error, "event payload is too large");
  else if (set_digest(event, digest, preimage, error))
    return tdx_event_log_append(log, event, error);
  tdx_event_free(event);
  return FALSE;
}

static GBytes *read_hex(const json_t *object, const char *key, GError **error) {
  const char *text;
  if (!json_get_string_or(object, key, "", &text, "event", error))
    return NULL;
  GBytes *bytes = hex_decode(text, strlen(text), error);
  if (!bytes)
    g_prefix_error(error, "event.%s: ", key);
  return bytes;
}

static GBytes *read_payload(const json_t *object, GError **error) {
  const char *text = json_get_string(object, "event_payload", "event", error);
  if (!text)
    return NULL;
  gsize len = strlen(text);
  if (len > 2 * (gsize)FOREIGN_PAYLOAD_MAX) {
    invalid(error, "event payload is too large");
    return NULL;
  }
  return hex_decode(text, len, error);
}

static TdxEvent *read_event(const json_t *object, GError **error) {
  guint64 imr, type, version;
  if (!json_require_object(object, "event", error) ||
      !json_get_uint(object, "imr", TDX_N_RTMRS - 1, &imr, "event", error) ||
      !json_get_uint(object, "event_type", G_MAXUINT32, &type, "event", error) ||
      !json_get_uint_or(object, "version", 1, 2, &version, "event", error))
    return NULL;
  if (version == 0) {
    invalid(error, "event version must be 1 or 2");
    return NULL;
  }
  const char *name = json_get_string(object, "event", "event", error);
  g_autoptr(GBytes) payload = name ? read_payload(object, error) : NULL;
  if (!payload)
    return NULL;
  static const guint8 unset[48];
  TdxEvent *event = tdx_event_new((guint32)imr, (guint32)type, unset, name, payload);
  event->version = (guint)version;
  return event;
}

static gboolean read_item(TdxEventLog *log, const json_t *item, GError **error) {
  g_autoptr(TdxEvent) event = read_event(item, error);
  g_autoptr(GBytes) digest = event ? read_hex(item, "digest", error) : NULL;
  g_autoptr(GBytes) preimage = digest ? read_hex(item, "preimage", error) : NULL;
  return preimage && tdx_event_log_add(log, g_steal_pointer(&event), digest, preimage, error);
}

static gboolean append_item(TdxEventLog *log, const json_t *item, GError **error) {
  if (read_item(log, item, error))
    return TRUE;
  g_prefix_error(error, "event log, event %u: ", log->len);
  return FALSE;
}

TdxEventLog *tdx_event_log_parse(const char *json, gsize len, GError **error) {
  if (len > TDX_LOG_MAX_JSON) {
    invalid(error, "event log is too large");
    return NULL;
  }
  g_autoptr(json_t) array = json_parse(json, len, "event log", error);
  if (!array)
    return NULL;
  if (!json_is_array(array)) {
    invalid(error, "event log: expected an array");
    return NULL;
  }
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  size_t index;
  json_t *item;
  json_array_foreach(array, index, item) {
    if (!append_item(log, item, error))
      return NULL;
  }
  return g_steal_pointer(&log);
}

gboolean tdx_event_log_append_line(TdxEventLog *log, const char *line, gsize len, GError **error) {
  g_autoptr(json_t) item = json_parse(line, len, "event", error);
  return item && append_item(log, item, error);
}

char *tdx_event_log_print(TdxEventLog *log) {
  GString *out = g_string_new("[");
  for (guint i = 0; i < log->len; i++) {
    g_autofree char *event = tdx_event_print_outside(g_ptr_array_index(log, i));
    if (i > 0)
      g_string_append_c(out, ',');
    g_string_append(out, event);
  }
  g_string_append_c(out, ']');
  return g_string_free(out, FALSE);
}
