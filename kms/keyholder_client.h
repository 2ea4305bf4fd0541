/* The front's side of kms/protocol.h towards the key holder. Thread-safe. */
#pragma once

#include "kms/protocol.h"

#include "base/secret.h"

#include <glib.h>

#define K256_PUBLIC_BYTES 33
#define K256_SIGNATURE_BYTES 65

typedef struct KeyholderClient KeyholderClient;
KeyholderClient *keyholder_client_new(int fd);
void keyholder_client_free(KeyholderClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyholderClient, keyholder_client_free)

typedef struct {
  gboolean complete, has_root_keys;
  char *missing, *domain, *bootstrap_info;
} KeyholderState;
void keyholder_state_clear(KeyholderState *state);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderState, keyholder_state_clear)
gboolean keyholder_client_state(KeyholderClient *client, KeyholderState *out, GError **error);

typedef struct {
  GBytes *rpc_spki, *root_spki;
  guint8 k256_public[K256_PUBLIC_BYTES];
} KeyholderPublicKeys;
void keyholder_public_keys_clear(KeyholderPublicKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderPublicKeys, keyholder_public_keys_clear)
gboolean keyholder_client_generate(KeyholderClient *client, KeyholderPublicKeys *out, GError **error);

/* Another KMS's root keys in place of new ones: the key that they are to be sealed to, and what came sealed to it. */
gboolean keyholder_client_recipient(KeyholderClient *client, guint8 recipient[KMS_RECIPIENT_SIZE], GError **error);
gboolean keyholder_client_adopt(KeyholderClient *client, GBytes *sealed, GBytes *ca_spki, KeyholderPublicKeys *out,
                                GError **error);

/* What the rpc certificate is issued with; all NULL: without evidence. */
typedef struct {
  const char *domain;
  GBytes *quote, *event_log;
  GBytes *attestation; /* the same in the versioned form */
} KeyholderIssue;
gboolean keyholder_client_store(KeyholderClient *client, const KeyholderIssue *issue, const char *bootstrap_info,
                                GError **error);
/* Returns the SPKI of the stored rpc key. */
GBytes *keyholder_client_load(KeyholderClient *client, GError **error);
gboolean keyholder_client_reissue(KeyholderClient *client, const KeyholderIssue *issue, GError **error);

/* All that the front needs to serve. */
typedef struct {
  char *root_ca_cert, *temp_ca_cert, *rpc_cert;
  Secret *temp_ca_key, *rpc_key;
  guint8 k256_public[K256_PUBLIC_BYTES];
} KeyholderMaterial;
void keyholder_material_clear(KeyholderMaterial *material);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderMaterial, keyholder_material_clear)
gboolean keyholder_client_seal(KeyholderClient *client, KeyholderMaterial *out, GError **error);

typedef struct {
  guint8 public_key[KMS_DERIVED_KEY_SIZE];
  guint8 signature[K256_SIGNATURE_BYTES], signature_v1[K256_SIGNATURE_BYTES];
  guint64 timestamp;
} KeyholderEnvKey;
gboolean keyholder_client_env_key(KeyholderClient *client, const guint8 app_id[KMS_APP_ID_SIZE], KeyholderEnvKey *out,
                                  GError **error);

typedef struct {
  Secret *disk, *env, *k256;
  guint8 k256_signature[K256_SIGNATURE_BYTES];
} KeyholderAppKeys;
void keyholder_app_keys_clear(KeyholderAppKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderAppKeys, keyholder_app_keys_clear)
/* Only for a grant that the verifier gave, once. */
gboolean keyholder_client_app_keys(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE], KeyholderAppKeys *out,
                                   GError **error);

/* Only for a grant that the verifier gave to a KMS, once. Sealed to `recipient`, whom the key of the KMS's certificate
 * signed for. */
GBytes *keyholder_client_sealed_root(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE],
                                     const guint8 recipient[KMS_RECIPIENT_SIZE], GBytes *signature, GError **error);
typedef struct {
  Secret *temp_ca_key, *root_ca_key; /* PEM */
  Secret *k256;
} KeyholderRootKeys;
void keyholder_root_keys_clear(KeyholderRootKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(KeyholderRootKeys, keyholder_root_keys_clear)
/* The same unsealed. Error DENIED unless core.onboard.plain_handover is set. */
gboolean keyholder_client_plain_root(KeyholderClient *client, const guint8 grant[KMS_GRANT_SIZE],
                                     KeyholderRootKeys *out, GError **error);
