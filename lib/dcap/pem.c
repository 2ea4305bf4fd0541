#include "dcap/pem.h"

#include "base/error.h"

#include <string.h>

#define BEGIN_LINE "-----BEGIN CERTIFICATE-----"
#define END_LINE "-----END CERTIFICATE-----"

static int digit_value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes base64 with line breaks. Unused bits must be zero and padding exact: otherwise several texts would stand for
 * the same certificate. */
static GBytes *decode_base64(const char *text, gsize len) {
  g_autoptr(GByteArray) out = g_byte_array_sized_new((guint)(len / 4 * 3 + 3));
  guint32 bits = 0;
  guint n_digits = 0, n_padding = 0;
  for (gsize i = 0; i < len; i++) {
    if (text[i] == '\n' || (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n'))
      continue;
    int value = text[i] == '=' ? 0 : digit_value(text[i]);
    if (value < 0 || (n_padding > 0 && text[i] != '='))
      return NULL;
    n_padding += text[i] == '=';
    bits = bits << 6 | (guint32)value;
    if (++n_digits % 4 != 0)
      continue;
    guint8 group[3] = {(guint8)(bits >> 16), (guint8)(bits >> 8), (guint8)bits};
    if (n_padding > 2 || (n_padding == 2 && group[1] != 0) || (n_padding > 0 && group[2] != 0))
      return NULL;
    g_byte_array_append(out, group, 3 - n_padding);
  }
  if (n_digits % 4 != 0 || out->len == 0)
    return NULL;
  return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

GPtrArray *dcap_pem_certificates(const char *text, gsize len, GError **error) {
  if (len > DCAP_PEM_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "certificate chain is larger than %d bytes",
                DCAP_PEM_MAX_SIZE);
    return NULL;
  }
  g_autoptr(GPtrArray) blocks = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  const char *end_of_text = text + len;
  const char *begin;
  while ((begin = memmem(text, (gsize)(end_of_text - text), BEGIN_LINE, strlen(BEGIN_LINE)))) {
    const char *content = begin + strlen(BEGIN_LINE);
    const char *end = memmem(content, (gsize)(end_of_text - content), END_LINE, strlen(END_LINE));
    if (!end)
      break;
    if (blocks->len == DCAP_CHAIN_MAX_CERTS) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "more than %d certificates", DCAP_CHAIN_MAX_CERTS);
      return NULL;
    }
    GBytes *der = decode_base64(content, (gsize)(end - content));
    if (!der) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate %u is not valid base64", blocks->len + 1);
      return NULL;
    }
    g_ptr_array_add(blocks, der);
    text = end + strlen(END_LINE);
  }
  return g_steal_pointer(&blocks);
}
