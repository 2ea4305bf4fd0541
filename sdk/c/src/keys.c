#include "bytes.h"
#include "fail.h"
#include "rpc.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#define SCALAR_SIZE 32

static bool is_set(const char *text) { return text && *text; }
static const char *text_or_empty(const char *text) { return text ? text : ""; }

void dstack_key_clear(dstack_key *key) {
  dstack_bytes_list_clear(&key->signature_chain);
  explicit_bzero(key, sizeof *key);
}

static dstack_status add_algorithm(dstack_client *client, const char *algorithm, json_t *request, dstack_error *error) {
  if (!is_set(algorithm) || strcmp(algorithm, "secp256k1") == 0)
    return DSTACK_OK;
  json_object_set_new(request, "algorithm", json_string(algorithm));
  if (strcmp(algorithm, "k256") == 0)
    return DSTACK_OK;
  char what[128];
  snprintf(what, sizeof what, "algorithm \"%s\" is", algorithm);
  return rpc_require_version(client, what, error);
}

static dstack_status read_key(const json_t *answer, dstack_key *key, dstack_error *error) {
  dstack_bytes raw;
  dstack_status status = rpc_get_bytes(answer, "key", true, &raw, error);
  if (status == DSTACK_OK && raw.size != sizeof key->key)
    status = fail(error, DSTACK_MALFORMED, "expected a key of 32 bytes, got %zu", raw.size);
  else if (status == DSTACK_OK)
    memcpy(key->key, raw.data, sizeof key->key);
  if (status == DSTACK_OK)
    status = rpc_get_bytes_list(answer, "signature_chain", &key->signature_chain, error);
  dstack_bytes_clear(&raw);
  return status;
}

dstack_status dstack_get_key(dstack_client *client, const char *path, const char *purpose, const char *algorithm,
                             dstack_key *key, dstack_error *error) {
  json_t *request = json_pack("{s:s, s:s}", "path", text_or_empty(path), "purpose", text_or_empty(purpose));
  json_t *answer = NULL;
  dstack_key result = {0};
  dstack_status status = request ? add_algorithm(client, algorithm, request, error) : DSTACK_OK;
  if (status != DSTACK_OK) {
    json_decref(request);
    return status;
  }
  status = rpc_call(client, "/GetKey", request, &answer, error);
  if (status == DSTACK_OK)
    status = read_key(answer, &result, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *key = result;
  else
    dstack_key_clear(&result);
  explicit_bzero(result.key, sizeof result.key);
  return status;
}

void dstack_tls_key_clear(dstack_tls_key *key) {
  wipe_string(key->key);
  dstack_strings_clear(&key->certificate_chain);
  *key = (dstack_tls_key){0};
}

/* TRUE unless memory ran out or a name is not UTF-8. */
static bool add_alt_names(json_t *request, const char *const *names, size_t count) {
  if (!request || count == 0)
    return request;
  json_t *list = json_array();
  bool complete = list;
  for (size_t i = 0; complete && i < count; i++)
    complete = json_array_append_new(list, json_string(names[i])) == 0;
  return json_object_set_new(request, "alt_names", list) == 0 && complete;
}

static dstack_status call_tls_key(dstack_client *client, const char *path, json_t *request, dstack_tls_key *key,
                                  dstack_error *error) {
  json_t *answer = NULL;
  dstack_tls_key result = {0};
  dstack_status status = rpc_call(client, path, request, &answer, error);
  if (status == DSTACK_OK)
    status = rpc_get_text(answer, "key", true, &result.key, error);
  if (status == DSTACK_OK)
    status = rpc_get_texts(answer, "certificate_chain", &result.certificate_chain, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *key = result;
  else
    dstack_tls_key_clear(&result);
  return status;
}

static json_t *discard(json_t *request) {
  json_decref(request);
  return NULL;
}

static json_t *tls_key_request(const dstack_tls_key_options *options) {
  json_t *request = json_pack("{s:s, s:b, s:b, s:b}", "subject", text_or_empty(options->subject), "usage_ra_tls",
                              options->usage_ra_tls, "usage_server_auth", !options->no_server_auth, "usage_client_auth",
                              options->usage_client_auth);
  bool complete = add_alt_names(request, options->alt_names, options->alt_name_count);
  if (complete && options->not_before)
    complete = json_object_set_new(request, "not_before", json_integer((json_int_t)*options->not_before)) == 0;
  if (complete && options->not_after)
    complete = json_object_set_new(request, "not_after", json_integer((json_int_t)*options->not_after)) == 0;
  if (complete && options->with_app_info)
    complete = json_object_set_new(request, "with_app_info", json_true()) == 0;
  return complete ? request : discard(request);
}

/* Options that agents before 0.5.7 would ignore. */
static dstack_status check_new_options(dstack_client *client, const dstack_tls_key_options *options,
                                       dstack_error *error) {
  if ((options->not_before && *options->not_before > INT64_MAX) ||
      (options->not_after && *options->not_after > INT64_MAX))
    return fail(error, DSTACK_INVALID, "a bound of the certificate's validity is out of range");
  if (!options->not_before && !options->not_after && !options->with_app_info)
    return DSTACK_OK;
  char names[64] = "", what[128];
  snprintf(names, sizeof names, "%s%s%s", options->not_before ? ", not_before" : "",
           options->not_after ? ", not_after" : "", options->with_app_info ? ", with_app_info" : "");
  snprintf(what, sizeof what, "TLS key options [%s] are", names + 2);
  return rpc_require_version(client, what, error);
}

dstack_status dstack_get_tls_key(dstack_client *client, const dstack_tls_key_options *options, dstack_tls_key *key,
                                 dstack_error *error) {
  static const dstack_tls_key_options defaults = {0};
  if (!options)
    options = &defaults;
  dstack_status status = check_new_options(client, options, error);
  return status != DSTACK_OK ? status : call_tls_key(client, "/GetTlsKey", tls_key_request(options), key, error);
}

dstack_status dstack_tappd_derive_key(dstack_client *client, const char *path, const char *subject,
                                      const char *const *alt_names, size_t alt_name_count, dstack_tls_key *key,
                                      dstack_error *error) {
  path = text_or_empty(path);
  json_t *request = json_pack("{s:s, s:s}", "path", path, "subject", is_set(subject) ? subject : path);
  if (!add_alt_names(request, alt_names, alt_name_count))
    request = discard(request);
  return call_tls_key(client, "/prpc/Tappd.DeriveKey", request, key, error);
}

dstack_status dstack_tls_key_scalar(const dstack_tls_key *key, uint8_t scalar[SCALAR_SIZE], dstack_error *error) {
  BIO *text = BIO_new_mem_buf(key->key, -1);
  EVP_PKEY *parsed = text ? PEM_read_bio_PrivateKey(text, NULL, NULL, NULL) : NULL;
  BIGNUM *number = NULL;
  bool done = parsed && EVP_PKEY_get_bn_param(parsed, OSSL_PKEY_PARAM_PRIV_KEY, &number) &&
              BN_bn2binpad(number, scalar, SCALAR_SIZE) == SCALAR_SIZE;
  BN_clear_free(number);
  EVP_PKEY_free(parsed);
  BIO_free(text);
  return done ? DSTACK_OK : fail(error, DSTACK_INVALID, "the TLS key is not an EC key of 32 bytes in PEM");
}
