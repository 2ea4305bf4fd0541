#include "eth/address.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "crypto/k256.h"
#include "eth/rlp.h"

#include <string.h>

#define ADDRESS_DIGITS (2 * ETH_ADDRESS_SIZE)

char *eth_address_format(const guint8 address[ETH_ADDRESS_SIZE]) {
  g_autofree char *digits = hex_encode(address, ETH_ADDRESS_SIZE);
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(digits, ADDRESS_DIGITS, digest);
  for (guint i = 0; i < ADDRESS_DIGITS; i++) {
    guint8 nibble = i % 2 == 0 ? digest[i / 2] >> 4 : digest[i / 2] & 0x0f;
    if (nibble >= 8)
      digits[i] = g_ascii_toupper(digits[i]);
  }
  return g_strconcat("0x", digits, NULL);
}

static gboolean has_case(const char *digits, gboolean (*is_case)(char)) {
  for (; *digits; digits++)
    if (is_case(*digits))
      return TRUE;
  return FALSE;
}

static gboolean is_upper(char c) { return g_ascii_isupper(c); }
static gboolean is_lower(char c) { return g_ascii_islower(c); }

gboolean eth_address_parse(const char *text, guint8 out[ETH_ADDRESS_SIZE], const char *what, GError **error) {
  const char *digits = g_str_has_prefix(text, "0x") ? text + 2 : text;
  if (!hex_decode_fixed(digits, out, ETH_ADDRESS_SIZE, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected an address of 40 hexadecimal digits", what);
    return FALSE;
  }
  g_autofree char *right = eth_address_format(out);
  if (!has_case(digits, is_upper) || !has_case(digits, is_lower) || strcmp(digits, right + 2) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: wrong checksum: a digit or its case is mistyped", what);
  return FALSE;
}

gboolean eth_address_of_key(const Secret *key, guint8 out[ETH_ADDRESS_SIZE], GError **error) {
  guint8 public[K256_PUBLIC_SIZE], point[K256_POINT_SIZE], digest[KECCAK256_SIZE];
  if (!k256_public(key, public, error) || !k256_expand(public, point, error))
    return FALSE;
  digest_keccak256(point + 1, sizeof point - 1, digest);
  memcpy(out, digest + KECCAK256_SIZE - ETH_ADDRESS_SIZE, ETH_ADDRESS_SIZE);
  return TRUE;
}

void eth_address_of_contract(const guint8 account[ETH_ADDRESS_SIZE], guint64 nonce, guint8 out[ETH_ADDRESS_SIZE]) {
  g_autoptr(GByteArray) fields = g_byte_array_new();
  rlp_add_bytes(fields, account, ETH_ADDRESS_SIZE);
  rlp_add_uint(fields, nonce);
  g_autoptr(GByteArray) list = g_byte_array_new();
  rlp_add_list(list, fields);
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(list->data, list->len, digest);
  memcpy(out, digest + KECCAK256_SIZE - ETH_ADDRESS_SIZE, ETH_ADDRESS_SIZE);
}

char *eth_quantity_format(guint64 value) { return g_strdup_printf("0x%" G_GINT64_MODIFIER "x", value); }

gboolean eth_quantity_parse(const char *text, guint64 *out, const char *what, GError **error) {
  gsize len = strlen(text);
  gboolean plain = len > 2 && len <= 18 && text[0] == '0' && text[1] == 'x' && g_ascii_isxdigit(text[2]) &&
                   (len == 3 || text[2] != '0');
  if (plain && g_ascii_string_to_unsigned(text + 2, 16, 0, G_MAXUINT64, out, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected a number as 0x and digits", what);
  return FALSE;
}
