/* The root keys and everything that is derived from them (spec: kms 4). Formulas are bit-exact the reference's. */
#pragma once

#include "kms/protocol.h"

#include "crypto/k256.h"
#include "crypto/p256.h"

#include <glib.h>

typedef struct {
  EVP_PKEY *temp_ca; /* public on purpose: GetTempCaCert hands it out */
  EVP_PKEY *root_ca;
  EVP_PKEY *rpc;
  Secret *k256;
} RootKeys;
RootKeys *root_keys_generate(void);
void root_keys_free(RootKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RootKeys, root_keys_free)

typedef struct {
  Secret *disk, *env, *k256; /* 32 bytes each */
  guint8 k256_signature[K256_SIGNATURE_SIZE];
} AppSecrets;
void app_secrets_clear(AppSecrets *secrets);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AppSecrets, app_secrets_clear)

/* `instance_id` has 20 bytes, or is NULL: then all instances of the app share the disk key. */
gboolean app_secrets_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], const guint8 *instance_id,
                            AppSecrets *out, GError **error);
EVP_PKEY *app_ca_key_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], GError **error);

typedef struct {
  guint8 public_key[32];
  guint8 signature[K256_SIGNATURE_SIZE];    /* without time */
  guint8 signature_v1[K256_SIGNATURE_SIZE]; /* with `timestamp` */
} EnvKey;
/* The public key that an app's environment is encrypted to; `timestamp` in Unix seconds. */
gboolean env_key_derive(const RootKeys *keys, const guint8 app_id[KMS_APP_ID_SIZE], guint64 timestamp, EnvKey *out,
                        GError **error);
