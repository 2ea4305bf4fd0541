#include "eth/transaction.h"

#include "crypto/digest.h"
#include "crypto/k256.h"
#include "eth/rlp.h"

#define TYPE_FEE_MARKET 0x02

static void add_fields(GByteArray *out, const EthTransaction *transaction) {
  gsize len;
  const void *data = g_bytes_get_data(transaction->data, &len);
  rlp_add_uint(out, transaction->chain_id);
  rlp_add_uint(out, transaction->nonce);
  rlp_add_uint(out, transaction->max_priority_fee);
  rlp_add_uint(out, transaction->max_fee);
  rlp_add_uint(out, transaction->gas_limit);
  rlp_add_bytes(out, transaction->to, transaction->to ? ETH_ADDRESS_SIZE : 0);
  rlp_add_uint(out, 0); /* value */
  rlp_add_bytes(out, data, len);
  g_autoptr(GByteArray) access_list = g_byte_array_new();
  rlp_add_list(out, access_list);
}

static GByteArray *envelope(const GByteArray *fields) {
  const guint8 type = TYPE_FEE_MARKET;
  GByteArray *out = g_byte_array_new();
  g_byte_array_append(out, &type, 1);
  rlp_add_list(out, fields);
  return out;
}

GBytes *eth_transaction_sign(const EthTransaction *transaction, const Secret *key, guint8 hash[32], GError **error) {
  g_autoptr(GByteArray) fields = g_byte_array_new();
  add_fields(fields, transaction);
  g_autoptr(GByteArray) unsigned_bytes = envelope(fields);
  guint8 signature[K256_SIGNATURE_SIZE];
  if (!k256_sign_message(key, unsigned_bytes->data, unsigned_bytes->len, signature, error))
    return NULL;
  rlp_add_uint(fields, signature[64]);
  rlp_add_number(fields, signature, 32);
  rlp_add_number(fields, signature + 32, 32);
  GByteArray *signed_bytes = envelope(fields);
  digest_keccak256(signed_bytes->data, signed_bytes->len, hash);
  return g_byte_array_free_to_bytes(signed_bytes);
}
