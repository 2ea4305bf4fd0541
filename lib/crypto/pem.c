#include "crypto/pem.h"

#include "base/error.h"

#include <string.h>

#define BYTES_PER_LINE 48 /* 64 characters of base64 */

PemCursor pem_cursor(const void *text, gsize len) { return (PemCursor){text, (const char *)text + len}; }

static const char *find(const char *at, const char *end, const char *what) {
  return at < end ? memmem(at, (gsize)(end - at), what, strlen(what)) : NULL;
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* The number of bytes written, or -1. Decoded here and not by a library, because the content may be a key: every copy of it
 * must be wiped. */
static gssize base64_decode(const char *at, const char *end, guint8 *out) {
  gsize n_digits = 0, n_padding = 0, written = 0;
  guint32 group = 0;
  for (; at < end; at++) {
    if (g_ascii_isspace(*at))
      continue;
    const int value = base64_value(*at);
    if (*at == '=' && n_padding < 2)
      n_padding++;
    else if (value < 0 || n_padding)
      return -1;
    group = group << 6 | (guint32)MAX(value, 0);
    if (++n_digits % 4 == 0) {
      for (gsize i = 0; i < 3 - n_padding; i++)
        out[written++] = (guint8)(group >> (16 - 8 * i));
      group = 0;
    }
  }
  return n_digits % 4 == 0 ? (gssize)written : -1;
}

static gboolean decode_block(const char *at, const char *end, Secret **out, GError **error) {
  const gsize room = (gsize)(end - at) / 4 * 3 + 3;
  g_autoptr(Secret) buffer = secret_new_zero(room);
  gssize len = base64_decode(at, end, secret_data(buffer));
  if (len < 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "pem: block is no base64");
    return FALSE;
  }
  *out = secret_new(secret_peek(buffer), (gsize)len);
  return TRUE;
}

gboolean pem_next(PemCursor *cursor, const char *label, Secret **out, GError **error) {
  g_autofree char *begin = g_strdup_printf("-----BEGIN %s-----", label);
  g_autofree char *finish = g_strdup_printf("-----END %s-----", label);
  *out = NULL;
  const char *start = find(cursor->at, cursor->end, begin);
  const char *body = start ? start + strlen(begin) : NULL;
  const char *stop = body ? find(body, cursor->end, finish) : NULL;
  if (!stop) {
    cursor->at = cursor->end;
    return TRUE;
  }
  cursor->at = stop + strlen(finish);
  return decode_block(body, stop, out, error);
}

static char *append(char *at, const char *text) {
  const gsize len = strlen(text);
  memcpy(at, text, len);
  return at + len;
}

static char *append_line(char *at, const guint8 *data, gsize len) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (gsize i = 0; i < len; i += 3) {
    const guint32 group =
        (guint32)data[i] << 16 | (i + 1 < len ? (guint32)data[i + 1] << 8 : 0) | (i + 2 < len ? data[i + 2] : 0);
    for (guint digit = 0; digit < 4; digit++)
      *at++ = i + digit > len ? '=' : digits[group >> (18 - 6 * digit) & 63];
  }
  *at++ = '\n';
  return at;
}

Secret *pem_encode(const char *label, const void *data, gsize len) {
  g_autofree char *begin = g_strdup_printf("-----BEGIN %s-----\n", label);
  g_autofree char *finish = g_strdup_printf("-----END %s-----\n", label);
  const gsize lines = (len + BYTES_PER_LINE - 1) / BYTES_PER_LINE;
  Secret *out = secret_new_zero(strlen(begin) + (len + 2) / 3 * 4 + lines + strlen(finish));
  char *at = append((char *)secret_data(out), begin);
  for (gsize done = 0; done < len; done += BYTES_PER_LINE)
    at = append_line(at, (const guint8 *)data + done, MIN(BYTES_PER_LINE, len - done));
  append(at, finish);
  return out;
}
