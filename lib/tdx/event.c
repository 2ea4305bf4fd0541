/* One event: its digest and its JSON form. */
#include "tdx/event_log.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "tdx/event_log_internal.h"

#include <string.h>

TdxEvent *tdx_event_new(guint32 imr, guint32 type, const guint8 digest[48], const char *name, GBytes *payload) {
  TdxEvent *event = g_new0(TdxEvent, 1);
  event->imr = imr;
  event->type = type;
  memcpy(event->digest, digest, sizeof event->digest);
  event->name = g_strdup(name);
  event->payload = g_bytes_ref(payload);
  event->version = 1;
  return event;
}

void tdx_event_free(TdxEvent *event) {
  if (!event)
    return;
  g_free(event->name);
  g_bytes_unref(event->payload);
  g_free(event);
}

gboolean tdx_event_name_ok(const char *name) {
  gsize len = strlen(name);
  return len >= 1 && len <= TDX_EVENT_NAME_MAX &&
         strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._/-") == len;
}

void tdx_runtime_digest_v1(const char *name, const void *payload, gsize len, guint8 out[48]) {
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  guint32 type = GUINT32_TO_LE(TDX_RUNTIME_EVENT_TYPE);
  g_byte_array_append(preimage, (const guint8 *)&type, sizeof type);
  g_byte_array_append(preimage, (const guint8 *)":", 1);
  g_byte_array_append(preimage, (const guint8 *)name, (guint)strlen(name));
  g_byte_array_append(preimage, (const guint8 *)":", 1);
  if (len > 0)
    g_byte_array_append(preimage, payload, (guint)len);
  digest_sha384(preimage->data, preimage->len, out);
}

/* A string as RFC 8785 writes it: short escapes where JSON has them, other controls in lower-case hex, the rest
 * verbatim. */
static void append_canonical_string(GString *out, const char *text) {
  static const char shorts[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
  g_string_append_c(out, '"');
  for (const char *c = text; *c; c++) {
    const char *found = strchr(shorts, *c);
    if (found)
      g_string_append_printf(out, "\\%c", letters[found - shorts]);
    else if ((guchar)*c < 0x20)
      g_string_append_printf(out, "\\u%04x", *c);
    else
      g_string_append_c(out, *c);
  }
  g_string_append_c(out, '"');
}

static GString *canonical_event(const char *name, const void *payload, gsize len) {
  g_autofree char *payload_hex = hex_encode(payload, len);
  GString *text = g_string_new("{\"name\":");
  append_canonical_string(text, name);
  g_string_append_printf(text, ",\"payload\":\"%s\",\"type\":%u}", payload_hex, TDX_RUNTIME_EVENT_TYPE);
  return text;
}

void tdx_runtime_digest_v2(const char *name, const void *payload, gsize len, guint8 out[48]) {
  g_autoptr(GString) preimage = canonical_event(name, payload, len);
  digest_sha384(preimage->str, preimage->len, out);
}

GBytes *tdx_runtime_preimage_v2(const char *name, GBytes *payload) {
  gsize len;
  const void *data = g_bytes_get_data(payload, &len);
  return g_string_free_to_bytes(canonical_event(name, data, len));
}

TdxEvent *tdx_runtime_event(const char *name, const void *payload, gsize len, GError **error) {
  if (!tdx_event_name_ok(name)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "event name must be 1 to %d characters of [A-Za-z0-9._/-]",
                TDX_EVENT_NAME_MAX);
    return NULL;
  }
  if (len > TDX_EVENT_PAYLOAD_MAX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "event payload is larger than %d bytes",
                TDX_EVENT_PAYLOAD_MAX);
    return NULL;
  }
  guint8 digest[48];
  tdx_runtime_digest_v1(name, payload, len, digest);
  g_autoptr(GBytes) bytes = g_bytes_new(payload, len);
  return tdx_event_new(TDX_RUNTIME_RTMR, TDX_RUNTIME_EVENT_TYPE, digest, name, bytes);
}

void tdx_event_set_version(TdxEvent *event, guint version) {
  gsize len;
  const void *payload = g_bytes_get_data(event->payload, &len);
  event->version = version;
  if (version == 2)
    tdx_runtime_digest_v2(event->name, payload, len, event->digest);
  else
    tdx_runtime_digest_v1(event->name, payload, len, event->digest);
}

static void append_hex(GString *out, const void *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  g_string_append_len(out, hex, (gssize)(2 * len));
}

/* The members that every form has; the object stays open. */
static GString *begin_event(const TdxEvent *event) {
  gsize len;
  const void *payload = g_bytes_get_data(event->payload, &len);
  GString *out = g_string_sized_new(256 + 2 * len);
  g_string_append_printf(out, "{\"imr\":%u,\"event_type\":%u,\"digest\":\"", event->imr, event->type);
  append_hex(out, event->digest, sizeof event->digest);
  g_string_append(out, "\",\"event\":");
  append_canonical_string(out, event->name);
  g_string_append(out, ",\"event_payload\":\"");
  append_hex(out, payload, len);
  g_string_append(out, event->version == 2 ? "\",\"version\":2" : "\"");
  return out;
}

static char *end_event(GString *out) {
  g_string_append_c(out, '}');
  return g_string_free(out, FALSE);
}

char *tdx_event_print(const TdxEvent *event) { return end_event(begin_event(event)); }

char *tdx_event_print_outside(const TdxEvent *event) {
  GString *out = begin_event(event);
  if (event->version == 2) {
    g_autoptr(GBytes) preimage = tdx_runtime_preimage_v2(event->name, event->payload);
    g_string_append(out, ",\"preimage\":\"");
    append_hex(out, g_bytes_get_data(preimage, NULL), g_bytes_get_size(preimage));
    g_string_append_c(out, '"');
  }
  return end_event(out);
}
