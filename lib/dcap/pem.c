#include "dcap/pem.h"

#include "base/error.h"

#include <string.h>

#define BEGIN_LINE "-----BEGIN CERTIFICATE-----"
#define END_LINE "-----END CERTIFICATE-----"

/* Values of the base64 digits plus one; 0 for what is no digit. */
static const guint8 digit_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

/* Copies the text without its line breaks. */
static gsize join_lines(const char *text, gsize len, char *out) {
  gsize n = 0;
  for (gsize i = 0; i < len; i++) {
    if (text[i] == '\n' || (text[i] == '\r' && i + 1 < len && text[i + 1] == '\n'))
      continue;
    out[n++] = text[i];
  }
  return n;
}

/* Decodes four digits; `n_padding` of them, at the end, are padding. Unused bits must be zero: otherwise several texts
 * would stand for the same certificate. */
static gboolean decode_group(const char digits[4], guint n_padding, guint8 out[3]) {
  guint32 bits = 0;
  for (guint i = 0; i < 4; i++) {
    guint value = i < 4 - n_padding ? digit_values[(guint8)digits[i]] : digits[i] == '=';
    if (value == 0)
      return FALSE;
    bits = bits << 6 | (value - 1);
  }
  out[0] = (guint8)(bits >> 16);
  out[1] = (guint8)(bits >> 8);
  out[2] = (guint8)bits;
  return (n_padding < 2 || out[1] == 0) && (n_padding < 1 || out[2] == 0);
}

static GBytes *decode_base64(const char *text, gsize len) {
  g_autofree char *digits = g_malloc(len + 1);
  gsize n_digits = join_lines(text, len, digits);
  if (n_digits == 0 || n_digits % 4 != 0)
    return NULL;
  guint n_padding = digits[n_digits - 1] != '=' ? 0 : digits[n_digits - 2] != '=' ? 1 : 2;
  g_autofree guint8 *out = g_malloc(n_digits / 4 * 3);
  for (gsize group = 0; group < n_digits / 4; group++) {
    gboolean is_last = group == n_digits / 4 - 1;
    if (!decode_group(digits + 4 * group, is_last ? n_padding : 0, out + 3 * group))
      return NULL;
  }
  return g_bytes_new_take(g_steal_pointer(&out), n_digits / 4 * 3 - n_padding);
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
