/* An app's keys inside its CVM: the .appkeys.json file, getting them from a KMS, and getting certificates signed with
 * them (spec: guest-os 7, prpc-and-agent-api 2.3, 5.1). Shared by dstack-util, the guest agent and the simulators. */
#pragma once

#include "base/secret.h"
#include "crypto/x509.h"
#include "ratls/evidence.h"
#include "tdx/mr_config.h"
#include "tdx/platform.h"

#include <glib.h>

/* A TLS client certificate with evidence, kept for a while; shared between threads. */
typedef struct KmsIdentity KmsIdentity;

typedef struct {
  KeyProviderKind kind;
  Secret *disk_crypt_key; /* 32 */
  Secret *env_crypt_key;  /* 32, or NULL */
  Secret *k256_key;       /* 32 */
  GBytes *k256_signature; /* 65, or empty */
  char *gateway_app_id;   /* hex app id(s), or "" */
  char *ca_cert;          /* PEM */
  /* kind NONE and LOCAL */
  Secret *ca_key_pem;
  GBytes *provider_mr; /* LOCAL */
  /* kind KMS */
  char *kms_url;      /* ends in /prpc */
  GBytes *kms_pubkey; /* SPKI of the KMS root CA */
  Secret *tmp_ca_key_pem;
  char *tmp_ca_cert;
  /* not stored */
  GBytes *os_image_hash; /* from the KMS, or NULL */
  GBytes *kms_mr; /* mr_aggregated (32) of the evidence in the KMS's certificate, or NULL: the payload of "mr-kms" */
  KmsIdentity *identity; /* what SignCert is called with; made at its first use */
} AppKeys;
void app_keys_free(AppKeys *keys);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppKeys, app_keys_free)

/* Errors: those of reading; INVALID with the member's name for a wrong shape or size; NOT_IMPLEMENTED for a TPM's keys.
 */
AppKeys *app_keys_load(const char *path, GError **error);
/* Mode 0600, atomically. */
gboolean app_keys_save(const AppKeys *keys, const char *path, GError **error);

/* Keys from a 32-byte seed (providers none and local; spec guest-os 7.5), with a root certificate that carries evidence
 * of `platform`. `provider_mr` is left for the caller to set. Error INVALID for another length, another kind, or a seed
 * whose keys are out of range. */
AppKeys *app_keys_from_seed(const Secret *seed, KeyProviderKind kind, TdxPlatform *platform, GError **error);

/* The provider id as measured: SPKI of the KMS root, mr_enclave, or empty. New reference. */
GBytes *app_keys_provider_id(const AppKeys *keys);

/* Guest side of GetTempCaCert + GetAppKey over RA-TLS, for one KMS URL (without /prpc). The server must present usage
 * "kms:rpc" under the CA it named, inside the handshake. `verifier` judges the server's evidence if it carries any;
 * NULL refuses a server that carries evidence. */
AppKeys *app_keys_from_kms(const char *kms_url, TdxPlatform *platform, const char *vm_config, RatlsVerifier *verifier,
                           GError **error);

typedef struct {
  const char *subject;
  const char *const *alt_names;
  gboolean server_auth, client_auth, ra_tls;
  /* What a KMS of the baseline does not know: any of these asks it with a request of version 2. */
  gboolean app_info; /* the extension that names the app */
  gboolean has_not_before, has_not_after;
  guint64 not_before, not_after; /* Unix seconds */
} AppCertSpec;
/* A certificate for `key` from the app's provider: SignCert at the KMS, or the local CA. Chain PEMs, leaf first,
 * NULL-terminated, to be freed with g_strfreev(). A KMS's chain is checked to end in `ca_cert` and to be for `key`. */
char **app_keys_certify(const AppKeys *keys, TdxPlatform *platform, const char *vm_config, EVP_PKEY *key,
                        const AppCertSpec *spec, GError **error);
