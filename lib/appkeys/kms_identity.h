/* The TLS client certificate a CVM shows to its KMS: a quote takes tens of milliseconds on real hardware, so that one
 * certificate serves for a while. Inside lib/appkeys only. */
#pragma once

#include "appkeys/appkeys.h"

/* One certificate and its key, as PEM. */
typedef struct {
  char *cert_pem;
  Secret *key_pem;
} KmsCredential;
void kms_credential_free(KmsCredential *credential);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KmsCredential, kms_credential_free)

/* A fresh key, certified by the temp CA with evidence of `platform`. */
KmsCredential *kms_credential_new(TdxPlatform *platform, const char *temp_ca_cert, const void *temp_ca_key,
                                  gsize key_len, GError **error);

KmsIdentity *kms_identity_new(void);
void kms_identity_free(KmsIdentity *identity);
/* The kept credential, or a new one of the keys' temp CA. */
KmsCredential *kms_identity_credential(const AppKeys *keys, TdxPlatform *platform, GError **error);
