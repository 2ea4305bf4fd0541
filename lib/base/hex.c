#include "base/hex.h"

#include "base/error.h"

#include <string.h>

char *hex_encode(const void *data, gsize len) {
  static const char digits[] = "0123456789abcdef";
  const guint8 *in = data;
  char *out = g_malloc(2 * len + 1);
  for (gsize i = 0; i < len; i++) {
    out[2 * i] = digits[in[i] >> 4];
    out[2 * i + 1] = digits[in[i] & 15];
  }
  out[2 * len] = '\0';
  return out;
}

char *hex_encode_bytes(GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  return hex_encode(data, len);
}

static gboolean decode_into(const char *text, gsize len, guint8 *out, GError **error) {
  for (gsize i = 0; i < len / 2; i++) {
    int high = g_ascii_xdigit_value(text[2 * i]);
    int low = g_ascii_xdigit_value(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid hex digit near position %" G_GSIZE_FORMAT, 2 * i);
      return FALSE;
    }
    out[i] = (guint8)(high << 4 | low);
  }
  return TRUE;
}

GBytes *hex_decode(const char *text, gsize len, GError **error) {
  if (len % 2 != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "odd number of hex digits");
    return NULL;
  }
  g_autofree guint8 *out = g_malloc(len / 2 + 1);
  if (!decode_into(text, len, out, error))
    return NULL;
  return g_bytes_new_take(g_steal_pointer(&out), len / 2);
}

GBytes *hex_decode_prefixed(const char *text, GError **error) {
  while (g_str_has_prefix(text, "0x"))
    text += 2;
  return hex_decode(text, strlen(text), error);
}

gboolean hex_decode_fixed(const char *text, guint8 *out, gsize size, GError **error) {
  if (strlen(text) != 2 * size) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "expected %" G_GSIZE_FORMAT " hex digits, got %" G_GSIZE_FORMAT,
                2 * size, strlen(text));
    return FALSE;
  }
  return decode_into(text, 2 * size, out, error);
}
