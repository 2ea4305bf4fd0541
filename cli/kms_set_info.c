#include "cli/kms_contract.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "cli/cli.h"
#include "cli/wallet.h"
#include "crypto/k256.h"

#include <string.h>

#define MAX_FILE (4 * 1024 * 1024)
#define N_FIELDS 4

/* A member's bytes; missing is empty. */
static GBytes *member(const json_t *info, const char *key, const char *instead, GError **error) {
  const char *name = json_object_get(info, key) || !instead ? key : instead;
  return json_object_get(info, name) ? json_get_hex(info, name, "info", error) : g_bytes_new(NULL, 0);
}

static gboolean read_fields(const json_t *info, GBytes *fields[N_FIELDS], GError **error) {
  /* Newer onboarding pages print one attestation in the place of quote and event log. */
  static const char *const keys[N_FIELDS][2] = {
      {"k256Pubkey", "k256_pubkey"}, {"caPubkey", "ca_pubkey"}, {"quote", "attestation"}, {"eventlog", NULL}};
  for (guint i = 0; i < N_FIELDS; i++) {
    fields[i] = member(info, keys[i][0], keys[i][1], error);
    if (!fields[i])
      return FALSE;
  }
  if (g_bytes_get_size(fields[0]) == K256_PUBLIC_SIZE)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "info.k256Pubkey: expected 33 bytes");
  return FALSE;
}

static GBytes *encode(GBytes *const fields[N_FIELDS]) {
  GByteArray *call = g_byte_array_new();
  eth_abi_add_selector(call, "setKmsInfo((bytes,bytes,bytes,bytes))");
  eth_abi_add_uint(call, ETH_WORD_SIZE);
  gsize offset = N_FIELDS * ETH_WORD_SIZE;
  for (guint i = 0; i < N_FIELDS; i++) {
    eth_abi_add_uint(call, offset);
    offset += ETH_WORD_SIZE + eth_abi_padded(g_bytes_get_size(fields[i]));
  }
  for (guint i = 0; i < N_FIELDS; i++) {
    gsize len;
    const void *data = g_bytes_get_data(fields[i], &len);
    eth_abi_add_bytes(call, data, len);
  }
  return g_byte_array_free_to_bytes(call);
}

static GBytes *encode_file(const char *path, GError **error) {
  g_autoptr(json_t) info = json_parse_file(path, MAX_FILE, error);
  GBytes *fields[N_FIELDS] = {0};
  GBytes *call =
      info && json_require_object(info, path, error) && read_fields(info, fields, error) ? encode(fields) : NULL;
  for (guint i = 0; i < N_FIELDS; i++)
    g_clear_pointer(&fields[i], g_bytes_unref);
  return call;
}

static gboolean send(const char *path, GError **error) {
  guint8 kms[ETH_ADDRESS_SIZE];
  g_auto(Wallet) wallet = {0};
  g_autoptr(GBytes) call = encode_file(path, error);
  if (!call || !wallet_kms_contract(kms, error) || !wallet_open_signing(&wallet, error))
    return FALSE;
  g_autoptr(json_t) receipt = wallet_send(&wallet, kms, call, "publish the KMS's public keys and evidence", error);
  return receipt != NULL;
}

int kms_contract_set_info(const char *path) {
  GError *error = NULL;
  return send(path, &error) ? CLI_DONE : cli_fail(error);
}
