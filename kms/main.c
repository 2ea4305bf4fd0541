/* dstack-kms: the network front. Starts the verifier and the key holder, has the keys opened, and serves. */
#include "kms/config.h"
#include "base/footprint.h"
#include "kms/admin.h"
#include "kms/helpers.h"
#include "kms/lifecycle.h"
#include "kms/long_version.h"
#include "kms/onboard.h"
#include "kms/sandbox.h"
#include "kms/self.h"
#include "kms/service.h"

#include "base/error.h"
#include "base/log.h"
#include "base/options.h"
#include "ratls/tls.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024

/* Whatever speaks to this process from now on finds it without privileges. */
static gboolean onboard(const KmsConfig *config, KeyholderClient *keyholder, VerifierClient *verifier, GError **error) {
  KmsSetup setup = {config, keyholder, verifier, kms_helpers_start_handover(config, error)};
  if (setup.handover < 0)
    return FALSE;
  gboolean done = sandbox_keep_binding(config->front_user, error) && sandbox_enter(SANDBOX_SETUP, error) &&
                  onboard_run(&setup, error);
  (void)close(setup.handover); /* which ends the helper */
  return done;
}

static gboolean bootstrap(const KmsConfig *config, KeyholderClient *keyholder, VerifierClient *verifier,
                          GError **error) {
  return self_require_allowed(config, verifier, error) &&
         lifecycle_bootstrap(config, keyholder, config->auto_bootstrap_domain, NULL, error);
}

static gboolean make_keys(const KmsConfig *config, KeyholderClient *keyholder, VerifierClient *verifier, KmsAdmin *admin,
                          GError **error) {
  LifecycleNeed need;
  if (!lifecycle_decide(config, keyholder, &need, error))
    return FALSE;
  if (need == LIFECYCLE_READY)
    return TRUE;
  gboolean done = need == LIFECYCLE_AUTO_BOOTSTRAP
                      ? bootstrap(config, keyholder, verifier, error)
                      : kms_admin_open_audit(config, admin, error) && onboard(config, keyholder, verifier, error);
  if (!done || !lifecycle_decide(config, keyholder, &need, error)) {
    g_prefix_error(error, "failed to onboard: ");
    return FALSE;
  }
  if (need == LIFECYCLE_READY)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "failed to onboard: stopped before there were keys");
  return FALSE;
}

static gboolean listen_on(PrpcServer *server, KmsService *service, PrpcRouter *router, GError **error) {
  const KmsConfig *config = service->config;
  g_autoptr(SSL_CTX) tls =
      tls_server_context(service->material->rpc_cert, service->material->rpc_key, service->material->temp_ca_cert,
                         config->client_certificate_required, error);
  PrpcListenOptions options = {.tls = tls,
                               .authenticator = kms_service_authenticate,
                               .authenticator_data = service};
  if (!tls)
    return FALSE;
  return prpc_server_listen(server, config->rpc_address, router, &options, error) != 0;
}

static gboolean listen_for_admin(PrpcServer *server, const KmsConfig *config, PrpcRouter *router, GError **error) {
  const PrpcListenOptions plain = {0};
  if (!config->admin_enabled || prpc_server_listen(server, config->admin_address, router, &plain, error) != 0)
    return TRUE;
  g_prefix_error(error, "core.admin: ");
  return FALSE;
}

static gboolean serve(KmsService *service, KmsAdmin *admin, GError **error) {
  const KmsConfig *config = service->config;
  g_autoptr(PrpcServer) server = prpc_server_new(config->workers, MAX_CONNECTIONS, error);
  if (!server)
    return FALSE;
  PrpcRouter *router = kms_service_router(service), *admin_router = kms_admin_router(admin);
  footprint_shed_startup(); /* while /proc is readable */
  gboolean ready = listen_on(server, service, router, error) &&
                   listen_for_admin(server, config, admin_router, error) && sandbox_drop_privileges(config->front_user, error) &&
                   sandbox_enter(SANDBOX_FRONT, error);
  if (ready)
    prpc_server_run(server);
  g_clear_pointer(&server, prpc_server_free); /* before what its handlers use */
  prpc_router_free(router);
  prpc_router_free(admin_router);
  return ready;
}

/* While the guest agent is within reach. Whether the webhook allows this KMS is asked at every request. */
static gboolean present_self(const KmsConfig *config, VerifierClient *verifier, GError **error) {
  SelfFacts facts;
  if (!self_authorization_enforced(config) || self_present(verifier, &facts, error))
    return TRUE;
  g_prefix_error(error, "core.enforce_self_authorization (which must be false outside of a TEE): ");
  return FALSE;
}

static gboolean run(const char *config_path, GError **error) {
  g_autoptr(KmsConfig) config = kms_config_load(config_path, error);
  if (!config)
    return FALSE;
  kms_config_warn(config);
  g_auto(KmsAdmin) admin = {0};
  if (!kms_admin_load(config, &admin, error))
    return FALSE;
  g_autoptr(KmsHelpers) helpers = kms_helpers_start(config, config_path, error);
  if (!helpers)
    return FALSE;
  kms_helpers_watch();
  g_autoptr(KeyholderClient) keyholder = keyholder_client_new(helpers->keyholder);
  g_autoptr(VerifierClient) verifier = verifier_client_new(helpers->lanes, helpers->n_lanes);
  g_auto(KeyholderMaterial) material = {0};
  g_autofree char *bootstrap_info = NULL;
  if (!make_keys(config, keyholder, verifier, &admin, error) || !present_self(config, verifier, error) ||
      !lifecycle_open(config, keyholder, &material, &bootstrap_info, error))
    return FALSE;
  g_autofree KmsMetrics *metrics = g_new0(KmsMetrics, 1);
  KmsService service = {config, keyholder, verifier, &material, bootstrap_info, metrics};
  admin.verifier = verifier;
  return kms_admin_open_audit(config, &admin, error) && serve(&service, &admin, error);
}

static gboolean parse_options(int *argc, char ***argv, char **config_path, GError **error) {
  gboolean short_version = FALSE, long_version = FALSE;
  const GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, config_path, "Configuration file, TOML or JSON", "FILE"},
      {"version", 0, 0, G_OPTION_ARG_NONE, &long_version, "Show the version with its git revision", NULL},
      {"short-version", 'V', 0, G_OPTION_ARG_NONE, &short_version, "Show the version", NULL},
      G_OPTION_ENTRY_NULL};
  g_autoptr(GOptionContext) context = g_option_context_new("- the key management service of dstack");
  g_option_context_set_summary(context,
                               "Gives every attested app the keys that only it can get, derived from two root keys.");
  g_option_context_add_main_entries(context, entries, NULL);
  if (!options_parse(context, argc, argv, error))
    return FALSE;
  if (short_version || long_version) {
    printf("dstack-kms %s\n", long_version ? kms_long_version() : DSTACK_VERSION);
    exit(EXIT_SUCCESS);
  }
  return TRUE;
}

int main(int argc, char **argv) {
  log_init("dstack-kms", LOG_INFO);
  footprint_limit_arenas();
  secret_protect_process();
  (void)signal(SIGPIPE, SIG_IGN); /* a client that hangs up is an error of its write */
  g_autoptr(GError) error = NULL;
  g_autofree char *config_path = NULL;
  if (!parse_options(&argc, &argv, &config_path, &error) || !run(config_path, &error)) {
    log_error("%s", error->message);
    return EXIT_FAILURE;
  }
  return EXIT_SUCCESS;
}
