/* The front's side of kms/protocol.h towards the verifier: it passes bytes on and gets verdicts back. Thread-safe: each
 * call takes a lane of its own and waits for one when all are busy. */
#pragma once

#include "kms/protocol.h"

#include <glib.h>

typedef struct VerifierClient VerifierClient;
VerifierClient *verifier_client_new(const int *lanes, guint n_lanes);
void verifier_client_free(VerifierClient *client);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VerifierClient, verifier_client_free)

/* `certificate` is DER. *attested: it carries evidence, which verified. */
gboolean verifier_client_check(VerifierClient *client, GBytes *certificate, gboolean *attested, GError **error);

typedef struct {
  guint8 grant[KMS_GRANT_SIZE];
  char *gateway_app_id;
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE];
} AppAuthorization;
void app_authorization_clear(AppAuthorization *authorization);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AppAuthorization, app_authorization_clear)
gboolean verifier_client_authorize(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                   AppAuthorization *out, GError **error);

/* For a KMS that asks for the root keys; `grant` is for keyholder_client_sealed_root() or ..._plain_root(). */
gboolean verifier_client_authorize_kms(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                       guint8 grant[KMS_GRANT_SIZE], GError **error);

/* For a KMS whose root keys shall be taken over; `vm_config` is this CVM's. */
gboolean verifier_client_judge_source(VerifierClient *client, GBytes *certificate, const char *vm_config,
                                      GError **error);

typedef struct {
  guint8 device_id[32]; /* as a webhook sees it */
  guint8 mr_aggregated[32], os_image_hash[KMS_IMAGE_HASH_SIZE], ppid[KMS_PPID_SIZE];
} SelfFacts;
/* Shows evidence about this CVM, its report data zero. The first one shown is whom the next function asks about. */
gboolean verifier_client_present_self(VerifierClient *client, GBytes *quote, GBytes *event_log, const char *vm_config,
                                      SelfFacts *out, GError **error);
/* Whether the webhook allows this KMS. */
gboolean verifier_client_self_allowed(VerifierClient *client, GError **error);

/* `csr` and `signature` as received. The PEM results are freed with g_free(). */
gboolean verifier_client_sign(VerifierClient *client, guint version, GBytes *csr, GBytes *signature,
                              const char *vm_config, char **leaf, char **app_ca, GError **error);

/* Forgets images and measurements of the verifier's cache (spec: kms 5.4). */
gboolean verifier_client_clear_images(VerifierClient *client, const char *image_hash, const char *config_hash,
                                      GError **error);

typedef struct {
  char *gateway_app_id;
  gboolean has_chain; /* the rest means something */
  char *contract;
  guint64 chain_id;
  char *implementation;
  char *rpc_url; /* may be "" */
} AuthFacts;
void auth_facts_clear(AuthFacts *facts);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(AuthFacts, auth_facts_clear)
gboolean verifier_client_facts(VerifierClient *client, AuthFacts *out, GError **error);
