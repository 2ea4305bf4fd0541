#include "bytes.h"
#include "fail.h"
#include "rpc.h"

#include <string.h>

#define DIGEST_SIZE 32

void dstack_signature_clear(dstack_signature *signature) {
  dstack_bytes_clear(&signature->signature);
  dstack_bytes_clear(&signature->public_key);
  dstack_bytes_list_clear(&signature->signature_chain);
}

static dstack_status read_signature(const json_t *answer, dstack_signature *signature, dstack_error *error) {
  dstack_status status = rpc_get_bytes(answer, "signature", true, &signature->signature, error);
  if (status == DSTACK_OK)
    status = rpc_get_bytes(answer, "public_key", true, &signature->public_key, error);
  return status != DSTACK_OK ? status
                             : rpc_get_bytes_list(answer, "signature_chain", &signature->signature_chain, error);
}

dstack_status dstack_sign(dstack_client *client, const char *algorithm, const void *data, size_t size,
                          dstack_signature *signature, dstack_error *error) {
  if (!algorithm)
    return fail(error, DSTACK_INVALID, "no algorithm is given");
  if (strcmp(algorithm, "secp256k1_prehashed") == 0 && size != DIGEST_SIZE)
    return fail(error, DSTACK_INVALID, "pre-hashed signing requires a 32-byte digest, but received %zu bytes", size);
  json_t *answer = NULL;
  dstack_signature result = {0};
  json_t *request = json_pack("{s:s, s:o}", "algorithm", algorithm, "data", rpc_hex(data, size));
  dstack_status status = rpc_call(client, "/Sign", request, &answer, error);
  if (status == DSTACK_OK)
    status = read_signature(answer, &result, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *signature = result;
  else
    dstack_signature_clear(&result);
  return status;
}

dstack_status dstack_verify(dstack_client *client, const char *algorithm, const void *data, size_t size,
                            const void *signature, size_t signature_size, const void *public_key,
                            size_t public_key_size, bool *valid, dstack_error *error) {
  if (!algorithm)
    return fail(error, DSTACK_INVALID, "no algorithm is given");
  json_t *request = json_pack("{s:s, s:o, s:o, s:o}", "algorithm", algorithm, "data", rpc_hex(data, size), "signature",
                              rpc_hex(signature, signature_size), "public_key", rpc_hex(public_key, public_key_size));
  json_t *answer = NULL;
  dstack_status status = rpc_call(client, "/Verify", request, &answer, error);
  const json_t *verdict = json_object_get(answer, "valid");
  if (status == DSTACK_OK && !json_is_boolean(verdict))
    status = fail(error, DSTACK_MALFORMED, "the answer holds no verdict");
  else if (status == DSTACK_OK)
    *valid = json_is_true(verdict);
  rpc_release(answer);
  return status;
}
