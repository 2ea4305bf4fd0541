#include "fake_kms.h"

#include "base/error.h"
#include "crypto/k256.h"
#include "kms.pb-c.h"
#include "ratls/csr.h"
#include "ratls/tls.h"
#include "tdx/report_data.h"

#include <string.h>

struct FakeKms {
  FakeKmsOptions options;
  RatlsVerifier *verifier;
  EVP_PKEY *root_key, *temp_key, *app_key;
  X509 *root, *temp, *app;
  PrpcServer *server;
  PrpcRouter *router;
  char *url;
  gint calls;
  GMutex lock;
  GHashTable *clients; /* DER of their certificates */
};

static X509 *make_ca(const char *name, int path_len, EVP_PKEY *key, X509 *issuer, EVP_PKEY *issuer_key) {
  const CertSpec spec = {.organization = "Dstack", .common_name = name, .ca_path_len = path_len};
  X509 *cert = cert_build(&spec, key, issuer, issuer_key, NULL);
  g_assert_nonnull(cert);
  return cert;
}

static X509 *make_server_cert(FakeKms *kms, EVP_PKEY *key) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) usage = NULL, quote = NULL, event_log = NULL;
  CertExtension extensions[3];
  gsize n = 0;
  if (kms->options.usage) {
    usage = g_bytes_new(kms->options.usage, strlen(kms->options.usage));
    extensions[n++] = (CertExtension){RATLS_OID_USAGE, usage};
  }
  if (kms->options.evidence_of) {
    ratls_take_evidence(kms->options.evidence_of->platform, kms->options.stolen_evidence ? kms->root_key : key, &quote,
                        &event_log, &error);
    g_assert_no_error(error);
    extensions[n++] = (CertExtension){RATLS_OID_QUOTE, quote};
    extensions[n++] = (CertExtension){RATLS_OID_EVENT_LOG, event_log};
  }
  const char *host = kms->options.host ? kms->options.host : "127.0.0.1";
  const CertSpec spec = {.common_name = host,
                         .alt_names = (const char *const[]){host, NULL},
                         .ca_path_len = -1,
                         .extensions = extensions,
                         .n_extensions = n};
  return cert_build(&spec, key, kms->root, kms->root_key, NULL);
}

static gboolean get_temp_ca(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  (void)call, (void)request, (void)error;
  FakeKms *kms = data;
  Kms__GetTempCaCertResponse *answer = (Kms__GetTempCaCertResponse *)response;
  g_autofree char *temp = cert_to_pem(kms->temp), *root = cert_to_pem(kms->root);
  g_autoptr(Secret) key = p256_to_pem(kms->temp_key);
  g_autofree char *key_text = g_strndup((const char *)secret_peek(key), secret_len(key));
  prpc_set_string(&answer->temp_ca_cert, temp);
  prpc_set_string(&answer->temp_ca_key, key_text);
  prpc_set_string(&answer->ca_cert, root);
  return TRUE;
}

/* Counts a call, and refuses it unless the client is attested. */
static gboolean admit(FakeKms *kms, PrpcCall *call, GError **error) {
  X509 *client = prpc_call_certificate(call);
  g_assert_nonnull(client);
  g_atomic_int_inc(&kms->calls);
  g_mutex_lock(&kms->lock);
  g_hash_table_add(kms->clients, cert_to_der(client));
  g_mutex_unlock(&kms->lock);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  if (!ratls_verify_certificate(kms->verifier, client, &evidence, error))
    return FALSE;
  g_assert_nonnull(evidence);
  if (kms->options.refuses)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "app not allowed: by the test");
  return !kms->options.refuses;
}

static gboolean get_app_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error) {
  FakeKms *kms = data;
  const Kms__GetAppKeyRequest *asked = (const Kms__GetAppKeyRequest *)request;
  Kms__AppKeyResponse *answer = (Kms__AppKeyResponse *)response;
  g_assert_cmpuint(asked->api_version, ==, 1);
  g_assert_cmpstr(asked->vm_config, ==, "{\"vm\":1}");
  if (!admit(kms, call, error))
    return FALSE;
  const guint8 bytes[K256_SIGNATURE_SIZE] = {1, 2, 3};
  g_autofree char *ca = cert_to_pem(kms->options.other_ca_in_answer ? kms->temp : kms->root);
  prpc_set_string(&answer->ca_cert, ca);
  prpc_set_string(&answer->gateway_app_id, "1111");
  prpc_set_bytes(&answer->disk_crypt_key, bytes, kms->options.short_disk_key ? 31 : 32);
  prpc_set_bytes(&answer->env_crypt_key, bytes, 32);
  prpc_set_bytes(&answer->k256_key, bytes, 32);
  prpc_set_bytes(&answer->k256_signature, bytes, K256_SIGNATURE_SIZE);
  prpc_set_bytes(&answer->os_image_hash, bytes, 32);
  return TRUE;
}

static gboolean judge_request(FakeKms *kms, const RatlsCsr *csr, GError **error) {
  g_autoptr(VerifiedEvidence) evidence = ratls_csr_verify(kms->verifier, csr, error);
  return evidence != NULL;
}

static X509 *issue(FakeKms *kms, const RatlsCsr *csr) {
  g_autoptr(EVP_PKEY) stranger = p256_generate();
  g_autoptr(EVP_PKEY) key = p256_from_spki(g_bytes_get_data(csr->pubkey, NULL), g_bytes_get_size(csr->pubkey), NULL);
  const CertSpec spec = {.common_name = csr->subject,
                         .alt_names = (const char *const *)csr->alt_names,
                         .server_auth = csr->server_auth,
                         .client_auth = csr->client_auth,
                         .ca_path_len = -1};
  return cert_build(&spec, kms->options.certifies_other_key ? stranger : key, kms->app, kms->app_key, NULL);
}

static gboolean sign_cert(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                          GError **error) {
  FakeKms *kms = data;
  const Kms__SignCertRequest *asked = (const Kms__SignCertRequest *)request;
  Kms__SignCertResponse *answer = (Kms__SignCertResponse *)response;
  g_autoptr(GBytes) encoded = prpc_get_gbytes(&asked->csr), signature = prpc_get_gbytes(&asked->signature);
  g_autoptr(RatlsCsr) csr = ratls_csr_open(asked->api_version, encoded, signature, error);
  if (!csr || !admit(kms, call, error) || !judge_request(kms, csr, error))
    return FALSE;
  g_autoptr(X509) leaf = issue(kms, csr);
  answer->n_certificate_chain = 3;
  answer->certificate_chain = g_new0(char *, 3);
  answer->certificate_chain[0] = cert_to_pem(leaf);
  answer->certificate_chain[1] = cert_to_pem(kms->app);
  answer->certificate_chain[2] = cert_to_pem(kms->root);
  return TRUE;
}

static void make_authorities(FakeKms *kms) {
  kms->root_key = p256_generate();
  kms->temp_key = p256_generate();
  kms->app_key = p256_generate();
  kms->root = make_ca("Dstack KMS CA", 1, kms->root_key, NULL, kms->root_key);
  kms->temp = make_ca("Dstack Client Temp CA", 0, kms->temp_key, NULL, kms->temp_key);
  g_autoptr(EVP_PKEY) foreign_key = p256_generate();
  g_autoptr(X509) foreign = make_ca("Dstack KMS CA", 1, foreign_key, NULL, foreign_key);
  kms->app = kms->options.foreign_chain ? make_ca("Dstack App CA", 0, kms->app_key, foreign, foreign_key)
                                        : make_ca("Dstack App CA", 0, kms->app_key, kms->root, kms->root_key);
}

static SSL_CTX *make_tls(FakeKms *kms) {
  g_autoptr(GError) error = NULL;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) cert = make_server_cert(kms, key);
  g_autofree char *pem = cert_to_pem(cert), *client_ca = cert_to_pem(kms->temp);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  SSL_CTX *context = tls_server_context(pem, key_pem, client_ca, FALSE, &error);
  g_assert_no_error(error);
  return context;
}

static void serve(FakeKms *kms) {
  g_autoptr(GError) error = NULL;
  PrpcService *service = prpc_service_new(&kms__kms__descriptor, "KMS.", kms);
  prpc_service_handle(service, "GetTempCaCert", get_temp_ca);
  prpc_service_handle(service, "GetAppKey", get_app_key);
  prpc_service_handle(service, "SignCert", sign_cert);
  kms->router = prpc_router_new("fake-kms");
  prpc_router_mount(kms->router, "/prpc", service);
  kms->server = prpc_server_new(2, 16, &error);
  g_assert_no_error(error);
  g_autoptr(SSL_CTX) tls = make_tls(kms);
  const guint listener =
      prpc_server_listen(kms->server, "127.0.0.1:0", kms->router, &(PrpcListenOptions){.tls = tls}, &error);
  g_assert_no_error(error);
  kms->url = g_strdup_printf("https://127.0.0.1:%u", prpc_server_port(kms->server, listener));
  prpc_server_start(kms->server);
}

FakeKms *fake_kms_new(RatlsVerifier *verifier, const FakeKmsOptions *options) {
  FakeKms *kms = g_new0(FakeKms, 1);
  kms->options = *options;
  kms->verifier = ratls_verifier_ref(verifier);
  g_mutex_init(&kms->lock);
  kms->clients = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, NULL);
  make_authorities(kms);
  serve(kms);
  return kms;
}

void fake_kms_free(FakeKms *kms) {
  prpc_server_stop(kms->server);
  prpc_server_free(kms->server);
  prpc_router_free(kms->router);
  ratls_verifier_unref(kms->verifier);
  EVP_PKEY_free(kms->root_key);
  EVP_PKEY_free(kms->temp_key);
  EVP_PKEY_free(kms->app_key);
  X509_free(kms->root);
  X509_free(kms->temp);
  X509_free(kms->app);
  g_hash_table_unref(kms->clients);
  g_mutex_clear(&kms->lock);
  g_free(kms->url);
  g_free(kms);
}

const char *fake_kms_url(FakeKms *kms) { return kms->url; }
char *fake_kms_root_pem(FakeKms *kms) { return cert_to_pem(kms->root); }
GBytes *fake_kms_root_spki(FakeKms *kms) { return cert_spki(kms->root); }
guint fake_kms_calls(FakeKms *kms) { return (guint)g_atomic_int_get(&kms->calls); }

guint fake_kms_clients(FakeKms *kms) {
  g_mutex_lock(&kms->lock);
  const guint n = g_hash_table_size(kms->clients);
  g_mutex_unlock(&kms->lock);
  return n;
}
