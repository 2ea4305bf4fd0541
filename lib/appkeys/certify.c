/* Certificates for an app's keys (spec: prpc-and-agent-api 5.1). */
#include "appkeys/appkeys.h"

#include "appkeys/kms_client.h"
#include "appkeys/local_ca.h"
#include "base/error.h"
#include "kms.pb-c.h"
#include "ratls/csr.h"

#include <string.h>

#define API_VERSION 1
#define API_VERSION_2 2

typedef Kms__SignCertResponse SignedChain;
static void signed_chain_free(SignedChain *answer) { prpc_message_free(&answer->base); }
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SignedChain, signed_chain_free)

static guint32 api_version(const AppCertSpec *spec) {
  return spec->app_info || spec->has_not_before || spec->has_not_after ? API_VERSION_2 : API_VERSION;
}

static gboolean add_evidence(TdxPlatform *platform, EVP_PKEY *key, const char *vm_config, RatlsCsr *csr, GError **error) {
  if (csr->version == API_VERSION)
    return ratls_take_evidence(platform, key, &csr->quote, &csr->event_log, error);
  g_autoptr(RatlsAttestation) attestation = ratls_take_attestation(platform, key, vm_config, error);
  if (attestation)
    csr->attestation = ratls_attestation_encode(attestation);
  return attestation != NULL;
}

/* The quote goes in whether the certificate shall show it or not: the KMS decides by it. */
static GBytes *make_request(TdxPlatform *platform, EVP_PKEY *key, const char *vm_config, const AppCertSpec *spec,
                            GError **error) {
  g_autoptr(RatlsCsr) csr = g_new0(RatlsCsr, 1);
  csr->version = api_version(spec);
  if (!add_evidence(platform, key, vm_config, csr, error))
    return NULL;
  csr->pubkey = p256_spki(key);
  csr->subject = g_strdup(spec->subject ? spec->subject : "");
  csr->alt_names = spec->alt_names ? g_strdupv((char **)spec->alt_names) : g_new0(char *, 1);
  csr->server_auth = spec->server_auth;
  csr->client_auth = spec->client_auth;
  csr->ext_quote = spec->ra_tls;
  csr->ext_app_info = spec->app_info;
  csr->has_not_before = spec->has_not_before;
  csr->not_before = spec->not_before;
  csr->has_not_after = spec->has_not_after;
  csr->not_after = spec->not_after;
  return ratls_csr_encode(csr);
}

static ProtobufCBinaryData borrow(GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  return (ProtobufCBinaryData){.len = len, .data = (guint8 *)data}; /* protobuf-c has no const; the call only reads */
}

static SignedChain *call_sign(PrpcClient *client, guint32 version, GBytes *csr, GBytes *signature, const char *vm_config,
                              GError **error) {
  Kms__SignCertRequest request = KMS__SIGN_CERT_REQUEST__INIT;
  request.api_version = version;
  request.csr = borrow(csr);
  request.signature = borrow(signature);
  request.vm_config = (char *)vm_config;
  return (SignedChain *)prpc_client_call(client, "SignCert", &request.base, &kms__sign_cert_response__descriptor,
                                         error);
}

/* The KMS is a peer like any other: what it answers must be for this key and lead to the CA that was measured. */
static gboolean check_chain(const SignedChain *answer, const char *ca_cert, EVP_PKEY *key, GError **error) {
  g_autoptr(X509) root = cert_from_pem(ca_cert, strlen(ca_cert), error);
  g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func((GDestroyNotify)X509_free);
  if (!root)
    return FALSE;
  for (gsize i = 0; i < MIN(answer->n_certificate_chain, CERT_MAX_CHAIN + 1); i++) {
    X509 *cert = cert_from_pem(answer->certificate_chain[i], strlen(answer->certificate_chain[i]), error);
    if (!cert)
      return FALSE;
    g_ptr_array_add(chain, cert);
  }
  if (!certs_verify_chain(chain, root, g_get_real_time() / G_USEC_PER_SEC, error))
    return FALSE;
  g_autoptr(GBytes) certified = cert_spki(g_ptr_array_index(chain, 0)), asked = p256_spki(key);
  if (g_bytes_equal(certified, asked))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the certificate is for another key");
  return FALSE;
}

static char **to_vector(const SignedChain *answer) {
  char **chain = g_new0(char *, answer->n_certificate_chain + 1);
  for (gsize i = 0; i < answer->n_certificate_chain; i++)
    chain[i] = g_strdup(answer->certificate_chain[i]);
  return chain;
}

static char **kms_certify(const AppKeys *keys, TdxPlatform *platform, const char *vm_config, EVP_PKEY *key,
                          const AppCertSpec *spec, GError **error) {
  g_autoptr(GBytes) csr = make_request(platform, key, vm_config, spec, error);
  g_autoptr(KmsCredential) credential = csr ? kms_identity_credential(keys, platform, error) : NULL;
  if (!credential)
    return NULL;
  KmsServerCheck check = {0};
  g_autoptr(PrpcClient) client = kms_client_new(keys->kms_url, keys->ca_cert, credential, &check, error);
  if (!client)
    return NULL;
  g_autoptr(GBytes) signature = p256_sign(key, g_bytes_get_data(csr, NULL), g_bytes_get_size(csr));
  g_autoptr(SignedChain) answer = call_sign(client, api_version(spec), csr, signature, vm_config, error);
  if (!answer)
    return NULL;
  if (!check_chain(answer, keys->ca_cert, key, error)) {
    g_prefix_error(error, "the kms's answer: ");
    return NULL;
  }
  return to_vector(answer);
}

static gboolean check_validity(const AppCertSpec *spec, GError **error) {
  const gboolean in_order = !spec->has_not_before || !spec->has_not_after || spec->not_before < spec->not_after;
  const gboolean in_range = spec->not_before <= G_MAXINT64 && spec->not_after <= G_MAXINT64;
  if (in_order && in_range)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s",
              in_range ? "not_before must be earlier than not_after" : "a time is outside the years 1 to 9999");
  return FALSE;
}

char **app_keys_certify(const AppKeys *keys, TdxPlatform *platform, const char *vm_config, EVP_PKEY *key,
                        const AppCertSpec *spec, GError **error) {
  char **chain = NULL;
  if (check_validity(spec, error))
    chain = keys->kind == KEY_PROVIDER_KMS ? kms_certify(keys, platform, vm_config, key, spec, error)
                                           : local_ca_certify(keys, platform, key, spec, error);
  if (!chain)
    g_prefix_error(error, "failed to get a certificate: ");
  return chain;
}
