#include "crypto_alone.h"

#include "fresh_call.h"

#include "crypto/x509.h"
#include "kms/keyholder/key_files.h"
#include "ratls/tls.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BIO_SIZE (64 * 1024)
#define SIGNED_QUOTE (48 + 584) /* bytes: header and report */
#define LIST_ROUNDS 100
#define N_VERIFICATIONS 3 /* the report by the attestation key, that by the QE's report, that by the PCK certificate */

G_DEFINE_AUTOPTR_CLEANUP_FUNC(SSL, SSL_free)

struct CryptoAlone {
  RootKeys *root;
  SSL_CTX *server;
  FreshCaller *caller;
  FreshIdentity *identity;
  X509 *certificate; /* of the identity */
  EVP_PKEY *signer;
  GBytes *signature;
  guint8 quote[SIGNED_QUOTE];
  double cpu_seconds; /* of all rounds */
  guint64 n;
};

static char *read_text(Kms *kms, const char *name) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

static SSL_CTX *server_side(Kms *kms) {
  g_autofree char *cert = read_text(kms, "rpc.crt"), *key_text = read_text(kms, "rpc.key");
  g_autofree char *temp_ca = read_text(kms, "tmp-ca.crt");
  g_autoptr(Secret) key = secret_new(key_text, strlen(key_text));
  return tls_server_context(cert, key, temp_ca, FALSE, NULL);
}

CryptoAlone *crypto_alone_new(Kms *kms) {
  CryptoAlone *crypto = g_new0(CryptoAlone, 1);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 1, 1, GOOD_IMAGE);
  crypto->root = key_files_load(kms->cert_dir, NULL);
  crypto->server = server_side(kms);
  crypto->caller = fresh_caller_new(kms);
  crypto->identity = fresh_identity_new(platform);
  crypto->certificate = fresh_caller_issue(crypto->caller, crypto->identity);
  crypto->signer = p256_generate();
  crypto->signature = p256_sign(crypto->signer, crypto->quote, sizeof crypto->quote);
  g_assert_true(crypto->root && crypto->server && crypto->certificate);
  return crypto;
}

void crypto_alone_free(CryptoAlone *crypto) {
  if (!crypto)
    return;
  root_keys_free(crypto->root);
  X509_free(crypto->certificate);
  fresh_identity_free(crypto->identity);
  fresh_caller_free(crypto->caller);
  SSL_CTX_free(crypto->server);
  EVP_PKEY_free(crypto->signer);
  g_bytes_unref(crypto->signature);
  g_free(crypto);
}

/* Both sides, since both run on this machine; the client shows its certificate. */
static void shake_hands(CryptoAlone *crypto) {
  g_autoptr(SSL) server = SSL_new(crypto->server);
  g_autoptr(SSL) client = fresh_caller_tls(crypto->caller, crypto->identity, crypto->certificate);
  BIO *server_end, *client_end;
  g_assert_cmpint(BIO_new_bio_pair(&server_end, BIO_SIZE, &client_end, BIO_SIZE), ==, 1);
  SSL_set_bio(server, server_end, server_end);
  SSL_set_bio(client, client_end, client_end);
  SSL_set_accept_state(server);
  int done_server = 0, done_client = 0;
  for (guint i = 0; i < 20 && !(done_server == 1 && done_client == 1); i++) {
    done_client = SSL_do_handshake(client);
    done_server = SSL_do_handshake(server);
  }
  g_assert_true(done_server == 1 && done_client == 1 && SSL_get0_peer_certificate(server));
}

static void verify(CryptoAlone *crypto) {
  gsize len;
  const void *signature = g_bytes_get_data(crypto->signature, &len);
  for (guint i = 0; i < N_VERIFICATIONS; i++)
    g_assert_true(p256_verify(crypto->signer, crypto->quote, sizeof crypto->quote, signature, len));
}

static void derive(CryptoAlone *crypto) {
  static const guint8 app_id[20] = {1}, instance_id[20] = {1};
  g_auto(AppSecrets) secrets = {0};
  g_assert_true(app_secrets_derive(crypto->root, app_id, instance_id, &secrets, NULL));
}

/* The audit log's: each release is a signed entry. */
static void record(CryptoAlone *crypto) {
  guint8 signature[K256_SIGNATURE_SIZE];
  g_assert_true(k256_sign_message(crypto->root->k256, crypto->quote, sizeof crypto->quote, signature, NULL));
}

/* The client's, under the temp CA. */
static void issue(CryptoAlone *crypto) {
  g_autoptr(X509) certificate = fresh_caller_issue(crypto->caller, crypto->identity);
  g_assert_nonnull(certificate);
}

static double time_of(CryptoAlone *crypto, void (*step)(CryptoAlone *)) {
  gint64 start = g_get_monotonic_time();
  for (guint i = 0; i < LIST_ROUNDS; i++)
    step(crypto);
  return (double)(g_get_monotonic_time() - start) / LIST_ROUNDS;
}

void crypto_alone_list(CryptoAlone *crypto) {
  printf("its cryptography: the client's certificate issued %.0f us, tls handshake with it, both sides %.0f us, "
         "three P-256 verifications %.0f us, derivation of the keys %.0f us, audit entry signed %.0f us\n",
         time_of(crypto, issue), time_of(crypto, shake_hands), time_of(crypto, verify), time_of(crypto, derive),
         time_of(crypto, record));
}

typedef struct {
  CryptoAlone *crypto;
  gint64 end_us;
  guint n;
  double cpu_seconds;
} Worker;

static double thread_cpu(void) {
  struct timespec time;
  g_assert_cmpint(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time), ==, 0);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static gpointer work(gpointer data) {
  Worker *worker = data;
  for (; g_get_monotonic_time() < worker->end_us; worker->n++) {
    issue(worker->crypto);
    shake_hands(worker->crypto);
    verify(worker->crypto);
    derive(worker->crypto);
    record(worker->crypto);
  }
  worker->cpu_seconds = thread_cpu();
  return NULL;
}

double crypto_alone_rate(CryptoAlone *crypto, guint n_threads, double seconds) {
  g_autofree Worker *workers = g_new0(Worker, n_threads);
  g_autofree GThread **threads = g_new0(GThread *, n_threads);
  gint64 end_us = g_get_monotonic_time() + (gint64)(seconds * G_USEC_PER_SEC);
  guint n = 0;
  for (guint i = 0; i < n_threads; i++) {
    workers[i] = (Worker){crypto, end_us, 0, 0};
    threads[i] = g_thread_new("crypto", work, &workers[i]);
  }
  for (guint i = 0; i < n_threads; i++) {
    (void)g_thread_join(threads[i]);
    n += workers[i].n;
    crypto->cpu_seconds += workers[i].cpu_seconds;
  }
  crypto->n += n;
  return n / seconds;
}

double crypto_alone_cpu(const CryptoAlone *crypto) { return crypto->cpu_seconds / (double)crypto->n; }
