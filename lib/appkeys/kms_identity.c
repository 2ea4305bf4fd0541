#include "appkeys/kms_identity.h"

#include <string.h>

#define KEEP_US (60LL * 60 * G_USEC_PER_SEC)

struct KmsIdentity {
  GMutex lock;
  KmsCredential *credential;
  gint64 made; /* monotonic microseconds */
};

void kms_credential_free(KmsCredential *credential) {
  if (!credential)
    return;
  g_free(credential->cert_pem);
  secret_free(credential->key_pem);
  g_free(credential);
}

static KmsCredential *copy(const KmsCredential *credential) {
  KmsCredential *result = g_new0(KmsCredential, 1);
  result->cert_pem = g_strdup(credential->cert_pem);
  result->key_pem = secret_copy(credential->key_pem);
  return result;
}

KmsCredential *kms_credential_new(TdxPlatform *platform, const char *temp_ca_cert, const void *temp_ca_key,
                                  gsize key_len, GError **error) {
  g_autoptr(X509) issuer = cert_from_pem(temp_ca_cert, strlen(temp_ca_cert), error);
  g_autoptr(EVP_PKEY) issuer_key = issuer ? p256_from_pem(temp_ca_key, key_len, error) : NULL;
  if (!issuer_key) {
    g_prefix_error(error, "the kms's temp ca: ");
    return NULL;
  }
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(X509) cert = ratls_temp_certificate(platform, key, issuer, issuer_key, error);
  if (!cert)
    return NULL;
  KmsCredential *credential = g_new0(KmsCredential, 1);
  credential->cert_pem = cert_to_pem(cert);
  credential->key_pem = p256_to_pem(key);
  return credential;
}

KmsIdentity *kms_identity_new(void) {
  KmsIdentity *identity = g_new0(KmsIdentity, 1);
  g_mutex_init(&identity->lock);
  return identity;
}

void kms_identity_free(KmsIdentity *identity) {
  if (!identity)
    return;
  kms_credential_free(identity->credential);
  g_mutex_clear(&identity->lock);
  g_free(identity);
}

static KmsCredential *make(const AppKeys *keys, TdxPlatform *platform, GError **error) {
  return kms_credential_new(platform, keys->tmp_ca_cert, secret_peek(keys->tmp_ca_key_pem),
                            secret_len(keys->tmp_ca_key_pem), error);
}

/* Under the lock: callers that come together wait for one quote instead of taking one each. */
static gboolean refresh(KmsIdentity *identity, const AppKeys *keys, TdxPlatform *platform, GError **error) {
  const gint64 now = g_get_monotonic_time();
  if (identity->credential && now - identity->made < KEEP_US)
    return TRUE;
  g_clear_pointer(&identity->credential, kms_credential_free);
  identity->credential = make(keys, platform, error);
  identity->made = now;
  return identity->credential != NULL;
}

KmsCredential *kms_identity_credential(const AppKeys *keys, TdxPlatform *platform, GError **error) {
  KmsIdentity *identity = keys->identity;
  g_mutex_lock(&identity->lock);
  KmsCredential *credential = refresh(identity, keys, platform, error) ? copy(identity->credential) : NULL;
  g_mutex_unlock(&identity->lock);
  return credential;
}
