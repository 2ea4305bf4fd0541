#include "eth/abi.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/digest.h"

#include <string.h>

#define MAX_REVERT_REASON 1024

void eth_abi_add_selector(GByteArray *out, const char *signature) {
  guint8 digest[KECCAK256_SIZE];
  digest_keccak256(signature, strlen(signature), digest);
  g_byte_array_append(out, digest, ETH_SELECTOR_SIZE);
}

gsize eth_abi_padded(gsize len) { return (len + ETH_WORD_SIZE - 1) / ETH_WORD_SIZE * ETH_WORD_SIZE; }

void eth_abi_add_word(GByteArray *out, const guint8 word[ETH_WORD_SIZE]) {
  g_byte_array_append(out, word, ETH_WORD_SIZE);
}

static void add_right_aligned(GByteArray *out, const void *data, gsize len) {
  guint8 word[ETH_WORD_SIZE] = {0};
  memcpy(word + ETH_WORD_SIZE - len, data, len);
  eth_abi_add_word(out, word);
}

void eth_abi_add_uint(GByteArray *out, guint64 value) {
  guint64 big_endian = GUINT64_TO_BE(value);
  add_right_aligned(out, &big_endian, sizeof big_endian);
}

void eth_abi_add_address(GByteArray *out, const guint8 address[ETH_ADDRESS_SIZE]) {
  add_right_aligned(out, address, ETH_ADDRESS_SIZE);
}

void eth_abi_add_bytes(GByteArray *out, const void *data, gsize len) {
  static const guint8 zeros[ETH_WORD_SIZE];
  eth_abi_add_uint(out, len);
  if (len > 0)
    g_byte_array_append(out, data, (guint)len);
  g_byte_array_append(out, zeros, (guint)(eth_abi_padded(len) - len));
}

static const guint8 *word_at(GBytes *answer, gsize index, GError **error) {
  gsize len;
  const guint8 *data = g_bytes_get_data(answer, &len);
  if (index < len / ETH_WORD_SIZE)
    return data + index * ETH_WORD_SIZE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "contract answer: too short");
  return NULL;
}

/* The low `len` bytes of a word whose others are zero. */
static const guint8 *low_bytes(GBytes *answer, gsize index, gsize len, GError **error) {
  static const guint8 zeros[ETH_WORD_SIZE];
  const guint8 *word = word_at(answer, index, error);
  if (!word || memcmp(word, zeros, ETH_WORD_SIZE - len) == 0)
    return word ? word + ETH_WORD_SIZE - len : NULL;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "contract answer: word %" G_GSIZE_FORMAT " is out of range",
              index);
  return NULL;
}

gboolean eth_abi_get_uint(GBytes *answer, gsize index, guint64 *out, GError **error) {
  const guint8 *bytes = low_bytes(answer, index, sizeof *out, error);
  if (!bytes)
    return FALSE;
  Reader reader = reader_init(bytes, sizeof *out);
  *out = reader_u64be(&reader);
  return TRUE;
}

gboolean eth_abi_get_bool(GBytes *answer, gsize index, gboolean *out, GError **error) {
  guint64 value;
  if (!eth_abi_get_uint(answer, index, &value, error))
    return FALSE;
  *out = value == 1;
  if (value <= 1)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "contract answer: expected true or false");
  return FALSE;
}

gboolean eth_abi_get_address(GBytes *answer, gsize index, guint8 out[ETH_ADDRESS_SIZE], GError **error) {
  const guint8 *bytes = low_bytes(answer, index, ETH_ADDRESS_SIZE, error);
  if (bytes)
    memcpy(out, bytes, ETH_ADDRESS_SIZE);
  return bytes != NULL;
}

GBytes *eth_abi_get_bytes(GBytes *answer, gsize index, gsize max, GError **error) {
  guint64 offset, length;
  if (!eth_abi_get_uint(answer, index, &offset, error))
    return NULL;
  gsize size = g_bytes_get_size(answer);
  if (offset % ETH_WORD_SIZE != 0 || offset > size) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "contract answer: offset out of range");
    return NULL;
  }
  gsize at = offset / ETH_WORD_SIZE;
  if (!eth_abi_get_uint(answer, at, &length, error))
    return NULL;
  gsize rest = size - (at + 1) * ETH_WORD_SIZE;
  if (length > rest || length > max) {
    g_set_error(error, DSTACK_ERROR, length > rest ? DSTACK_ERROR_INVALID : DSTACK_ERROR_TOO_LARGE,
                "contract answer: text or bytes too long");
    return NULL;
  }
  return g_bytes_new_from_bytes(answer, (at + 1) * ETH_WORD_SIZE, length);
}

char *eth_abi_get_text(GBytes *answer, gsize index, gsize max, GError **error) {
  g_autoptr(GBytes) bytes = eth_abi_get_bytes(answer, index, max, error);
  if (!bytes)
    return NULL;
  gsize len;
  const char *data = g_bytes_get_data(bytes, &len);
  return g_utf8_make_valid(data ? data : "", (gssize)len); /* a NUL is replaced too */
}

static const char *known_error(guint32 selector) {
  static const struct {
    guint32 selector;
    const char *name;
  } errors[] = {
      {0x118cdaa7, "OwnableUnauthorizedAccount: the signer is not the owner"},
      {0x1e4fbdf7, "OwnableInvalidOwner"},
      {0xf92ee8a9, "InvalidInitialization"},
      {0xd7e6bcf8, "NotInitializing"},
      {0xe07c8dba, "UUPSUnauthorizedCallContext"},
      {0xaa1d49a4, "UUPSUnsupportedProxiableUUID"},
      {0x4c9c8ce3, "ERC1967InvalidImplementation"},
      {0xb398979f, "ERC1967NonPayable"},
      {0x9996b315, "AddressEmptyCode"},
      {0xd6bda275, "FailedCall"},
      {0x2fab92ca, "OwnershipCannotBeRenounced"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(errors); i++)
    if (errors[i].selector == selector)
      return errors[i].name;
  return NULL;
}

char *eth_abi_revert_reason(GBytes *data) {
  const guint32 error_string = 0x08c379a0;
  Reader reader = reader_init_bytes(data);
  guint32 selector = reader_u32be(&reader);
  if (!reader_ok(&reader))
    return NULL;
  if (selector != error_string)
    return g_strdup(known_error(selector));
  g_autoptr(GBytes) arguments = g_bytes_new_from_bytes(data, ETH_SELECTOR_SIZE, reader_remaining(&reader));
  return eth_abi_get_text(arguments, 0, MAX_REVERT_REASON, NULL);
}
