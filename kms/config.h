/* The KMS's configuration (spec: kms 10), read by the front and again by the verifier. Strings are borrowed from
 * `layers`. */
#pragma once

#include "base/config.h"

#include <glib.h>

typedef enum { AUTH_WEBHOOK, AUTH_DEV } AuthType;

typedef struct {
  const char *name;
  guint64 bytes;
} MethodLimit;

typedef struct {
  Config *layers;

  char *rpc_address; /* "IP:PORT" */
  guint workers;
  gboolean client_certificate_required;
  GArray *limits; /* MethodLimit, of [rpc.limits] */

  const char *cert_dir;
  const char *site_name;               /* "" for none; shown to operators */
  gboolean enforce_self_authorization; /* the webhook must allow this KMS itself, at every request */
  AuthType auth_type;
  const char *webhook_url;
  const char *dev_gateway_app_id;

  const char *admin_token_hash; /* hex SHA-256; NULL: no token is the right one */

  gboolean admin_enabled, admin_insecure_no_auth;
  char *admin_address;            /* "IP:PORT" */
  const char *admin_token;        /* core.admin.auth_token; "": see kms/admin.h */
  const char *admin_htpasswd_file; /* "": none */

  gboolean verify_image;
  const char *image_cache_dir;
  const char *image_download_url; /* NULL: nothing is downloaded */
  guint64 image_download_timeout_ms;

  gboolean onboard_enabled;
  const char *auto_bootstrap_domain; /* "" for none */
  const char *onboard_token;         /* "": whoever comes first decides */
  gboolean plain_handover;           /* other KMSs may have root keys the reference's way, unsealed */
  const char *expected_ca_pubkey, *expected_k256_pubkey; /* hex, of the KMS whose keys are taken over; "": any */
  char *onboard_address;             /* "IP:PORT" */
  gboolean quote_enabled;            /* evidence in the KMS's own certificate; says nothing about others */

  /* Trust in evidence; NULL when unset. */
  gboolean allow_external_root;
  const char *root_ca_path, *collateral_path, *pccs_url, *collateral_cache_dir;
  gboolean insecure_pccs_tls;

  gboolean metrics_enabled;

  char *audit_dir;     /* NULL: no audit log */
  gboolean audit_sync; /* each line is on the disk before what it tells is done */

  gboolean insecure_shared_user; /* start although the three processes are not of three users */
  const char *front_user, *verifier_user, *keyholder_user;
} KmsConfig;

/* Layers as config_add_standard_files() does. Refuses combinations that would be unsafe. */
KmsConfig *kms_config_load(const char *path, GError **error);
/* As kms_config_load() for a config whose layers are there already (takes it, also on error); for tests. */
KmsConfig *kms_config_read(Config *layers, GError **error);
void kms_config_free(KmsConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KmsConfig, kms_config_free)

/* Logs what makes this KMS less than production's: loudly, at every start. */
void kms_config_warn(const KmsConfig *config);
