/* Evidence that is genuine and still not good enough: altered identities, unsafe TDs, old platforms, wrong clocks. */
#include "harness.h"

#include "base/json.h"
#include "crypto/p256.h"
#include "kms.pb-c.h"
#include "ratls/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DAY (24 * 60 * 60)

static Kms *shared;

static ProtobufCMessage *get_app_key(PrpcClient *client, GError **error) {
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.api_version = 1;
  request.vm_config = (char *)VM_CONFIG;
  return prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, error);
}

/* And nobody bothers the webhook before there is proof. */
static void refused(Kms *kms, PrpcClient *client, const char *why) {
  gint before = g_atomic_int_get(&kms->hook.asked);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = get_app_key(client, &error);
  g_assert_null(answer);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
  g_assert_cmpint(g_atomic_int_get(&kms->hook.asked), ==, before);
}

/* ---- certificates ---- */

typedef struct {
  const char *app_id; /* 20 bytes in the app-id extension, or NULL */
  gint64 not_before;
} CertClaims;

static X509 *certify(Kms *kms, EVP_PKEY *key, const CertClaims *claims) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 'a', 'i', GOOD_IMAGE);
  g_autoptr(EVP_PKEY) ca_key = NULL;
  g_autoptr(X509) ca = kms_temp_ca(kms, &ca_key);
  g_autoptr(GBytes) quote = NULL, log = NULL, app_id = g_bytes_new(claims->app_id, claims->app_id ? 20 : 0);
  g_assert_true(ratls_take_evidence(platform, key, &quote, &log, NULL));
  const CertExtension extensions[] = {
      {RATLS_OID_QUOTE, quote}, {RATLS_OID_EVENT_LOG, log}, {RATLS_OID_APP_ID, app_id}};
  CertSpec spec = {.common_name = "RA-TLS TEMP Cert",
                   .ca_path_len = -1,
                   .extensions = extensions,
                   .n_extensions = claims->app_id ? 3 : 2,
                   .not_before = claims->not_before};
  X509 *certificate = cert_build(&spec, key, ca, ca_key, NULL);
  g_assert_nonnull(certificate);
  return certificate;
}

static PrpcClient *client_claiming(Kms *kms, const CertClaims *claims) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) certificate = certify(kms, key, claims);
  g_autofree char *pem = cert_to_pem(certificate);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  return kms_client(kms, pem, key_pem);
}

static void test_other_app_id(void) {
  g_autoptr(PrpcClient) honest = client_claiming(shared, &(CertClaims){.app_id = "aaaaaaaaaaaaaaaaaaaa"});
  g_autoptr(PrpcMessage) answer = get_app_key(honest, NULL);
  g_assert_nonnull(answer);
  g_autoptr(PrpcClient) liar = client_claiming(shared, &(CertClaims){.app_id = "bbbbbbbbbbbbbbbbbbbb"});
  refused(shared, liar, "app id of the certificate differs from that of the event log");
}

/* The private key of one with the public key of another: what passes a client's own check, and signs with what an
 * attacker has who only saw the certificate. */
static Secret *mismatched_key(EVP_PKEY *victim) {
  g_autoptr(EVP_PKEY) own = p256_generate();
  g_autoptr(Secret) der = p256_pkcs8(own);
  p256_point(victim, secret_data(der) + P256_PKCS8_SIZE - 65);
  g_autofree char *base64 = g_base64_encode(secret_peek(der), secret_len(der));
  g_autofree char *pem =
      g_strdup_printf("-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", base64);
  return secret_new(pem, strlen(pem));
}

static int connect_to(Kms *kms) {
  const struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(kms->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(connect(fd, (const struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

/* The reason of the alert that ends the handshake. A client learns of it when it reads. */
static const char *handshake_alert(Kms *kms, const char *cert_pem, const Secret *key_pem) {
  const TlsClientOptions options = {.insecure_no_verify = TRUE, .cert_pem = cert_pem, .key_pem = key_pem};
  g_autoptr(SSL_CTX) context = tls_client_context(&options, NULL);
  int fd = connect_to(kms);
  SSL *ssl = SSL_new(context);
  char byte;
  g_assert_cmpint(SSL_set_fd(ssl, fd), ==, 1);
  ERR_clear_error();
  if (SSL_connect(ssl) == 1)
    g_assert_cmpint(SSL_read(ssl, &byte, 1), <=, 0);
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  SSL_free(ssl);
  close(fd);
  return reason ? reason : "none";
}

static void test_replayed_certificate(void) {
  g_autoptr(EVP_PKEY) victim = p256_generate();
  g_autoptr(X509) certificate = certify(shared, victim, &(CertClaims){0});
  g_autofree char *pem = cert_to_pem(certificate);
  g_autoptr(Secret) key_pem = mismatched_key(victim);
  g_assert_cmpstr(handshake_alert(shared, pem, key_pem), ==, "tlsv1 alert decrypt error");
}

static void test_clock_before_certificate(void) {
  const gint64 tomorrow = g_get_real_time() / G_USEC_PER_SEC + DAY;
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) certificate = certify(shared, key, &(CertClaims){.not_before = tomorrow});
  g_autofree char *pem = cert_to_pem(certificate);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  g_assert_cmpstr(handshake_alert(shared, pem, key_pem), ==, "sslv3 alert bad certificate");
}

/* ---- reports ---- */

static void make_debuggable(TdReport *report) { report->td_attributes[0] |= 1; }
static void sign_seam(TdReport *report) { report->mr_signer_seam[0] = 1; }
static void age(TdReport *report) { memcpy(report->tee_tcb_svn, (const guint8[16]){5, 0, 2}, 16); }

static PrpcClient *altered(KmsReportChange change) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 'a', 'i', GOOD_IMAGE);
  return kms_altered_client(shared, platform, change);
}

static void test_unsafe_td(void) {
  g_autoptr(PrpcClient) debug = altered(make_debuggable);
  refused(shared, debug, "invalid quote: ");
  g_autoptr(PrpcClient) seam = altered(sign_seam);
  refused(shared, seam, "invalid quote: ");
}

/* The KMS proves and reports it; what it means is the contract's to say (see the test kms-chain). */
static void test_old_platform(void) {
  g_autoptr(PrpcClient) client = altered(age);
  g_autoptr(PrpcMessage) answer = get_app_key(client, NULL);
  g_assert_nonnull(answer);
  g_mutex_lock(&shared->hook.lock);
  g_autoptr(json_t) asked =
      json_parse(shared->hook.last_question, strlen(shared->hook.last_question), "question", NULL);
  g_mutex_unlock(&shared->hook.lock);
  g_assert_cmpstr(json_string_value(json_object_get(asked, "tcbStatus")), ==, "OutOfDate");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/refusals/other-app-id", test_other_app_id);
  g_test_add_func("/kms/refusals/replayed-certificate", test_replayed_certificate);
  g_test_add_func("/kms/refusals/clock-before-certificate", test_clock_before_certificate);
  g_test_add_func("/kms/refusals/unsafe-td", test_unsafe_td);
  g_test_add_func("/kms/refusals/old-platform", test_old_platform);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
