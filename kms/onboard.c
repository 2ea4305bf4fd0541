#include "kms/onboard.h"

#include "kms/lifecycle.h"
#include "kms/onboard_page.h"
#include "kms/self.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "prpc/server.h"

#include <string.h>

#define WORKERS 2
#define MAX_CONNECTIONS 32

typedef struct {
  const KmsSetup *setup;
  PrpcServer *server;
  GMutex lock; /* keys are made or taken over by one at a time */
} Onboarding;

static gboolean take_turn(Onboarding *onboarding, GError **error) {
  if (g_mutex_trylock(&onboarding->lock))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "keys are being made or taken over already");
  return FALSE;
}

static gboolean bootstrap(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                          gpointer user_data, GError **error) {
  (void)call;
  Onboarding *onboarding = user_data;
  const KmsSetup *setup = onboarding->setup;
  const Kms__BootstrapRequest *args = (const Kms__BootstrapRequest *)request;
  if (!take_turn(onboarding, error))
    return FALSE;
  gboolean done =
      self_require_allowed(setup->config, setup->verifier, error) &&
      lifecycle_bootstrap(setup->config, setup->keyholder, args->domain, (Kms__BootstrapResponse *)response, error);
  g_mutex_unlock(&onboarding->lock);
  return done;
}

static gboolean onboard(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                        GError **error) {
  (void)call;
  Onboarding *onboarding = user_data;
  const Kms__OnboardRequest *args = (const Kms__OnboardRequest *)request;
  guint8 k256_public[K256_PUBLIC_BYTES];
  if (!take_turn(onboarding, error))
    return FALSE;
  gboolean done = take_over(onboarding->setup, args->source_url, args->domain, k256_public, error);
  g_mutex_unlock(&onboarding->lock);
  if (done)
    prpc_set_bytes(&((Kms__OnboardResponse *)response)->k256_pubkey, k256_public, sizeof k256_public);
  return done;
}

/* The webhook may not know the chain, or not be there: the rest is shown all the same. */
static void add_chain(const KmsSetup *setup, Kms__AttestationInfoResponse *answer) {
  g_auto(AuthFacts) facts = {0};
  if (!verifier_client_facts(setup->verifier, &facts, NULL) || !facts.has_chain)
    return;
  prpc_set_string(&answer->eth_rpc_url, facts.rpc_url);
  prpc_set_string(&answer->kms_contract_address, facts.contract);
}

static gboolean attestation_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                 gpointer user_data, GError **error) {
  (void)call, (void)request; /* takes no arguments */
  const KmsSetup *setup = ((Onboarding *)user_data)->setup;
  Kms__AttestationInfoResponse *answer = (Kms__AttestationInfoResponse *)response;
  SelfFacts facts;
  if (!self_present(setup->verifier, &facts, error))
    return FALSE;
  prpc_set_bytes(&answer->device_id, facts.device_id, sizeof facts.device_id);
  prpc_set_bytes(&answer->mr_aggregated, facts.mr_aggregated, sizeof facts.mr_aggregated);
  prpc_set_bytes(&answer->os_image_hash, facts.os_image_hash, sizeof facts.os_image_hash);
  prpc_set_bytes(&answer->ppid, facts.ppid, sizeof facts.ppid);
  prpc_set_string(&answer->tee_variant, "dstack-tdx");
  prpc_set_string(&answer->site_name, setup->config->site_name);
  add_chain(setup, answer);
  return TRUE;
}

static gboolean finish_if_complete(Onboarding *onboarding, GError **error) {
  g_auto(KeyholderState) state = {0};
  if (!keyholder_client_state(onboarding->setup->keyholder, &state, error))
    return FALSE;
  if (!state.complete) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "there are no keys yet: bootstrap or onboard first");
    return FALSE;
  }
  prpc_server_stop(onboarding->server);
  return TRUE;
}

static gboolean finish(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                       GError **error) {
  (void)call, (void)request, (void)response; /* Empty in, Empty out */
  return finish_if_complete(user_data, error);
}

static void answer_finish(PrpcHttpRequest *request, gpointer user_data) {
  g_autoptr(GError) error = NULL;
  if (finish_if_complete(user_data, &error))
    prpc_http_reply(request, 200, "text/plain", "OK", 2, NULL);
  else
    prpc_http_reply(request, 400, "text/plain", error->message, strlen(error->message), NULL);
}

static void answer_health(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data;
  prpc_http_reply(request, 200, "text/plain", "OK", 2, NULL);
}

static gboolean is_token(const char *given, const char *token) {
  guint8 a[SHA256_SIZE], b[SHA256_SIZE];
  digest_sha256(given, strlen(given), a);
  digest_sha256(token, strlen(token), b);
  return bytes_equal_constant_time(a, b, sizeof a);
}

static gboolean require_token(PrpcHttpRequest *request, const Onboarding *onboarding) {
  static const char refusal[] = "{\n  \"error\": \"the token in core.onboard.token is needed: Authorization: Bearer TOKEN\"\n}";
  const char *token = onboarding->setup->config->onboard_token, *given = prpc_http_header(request, "Authorization");
  const char *path = prpc_http_path(request);
  gboolean harmless = strcmp(path, "/health") == 0 || onboard_page_has(path);
  if (harmless || !*token || (given && g_str_has_prefix(given, "Bearer ") && is_token(given + strlen("Bearer "), token)))
    return TRUE;
  prpc_http_reply(request, 401, "application/json", refusal, strlen(refusal),
                  (const char *const[]){"WWW-Authenticate: Bearer realm=\"dstack-kms onboarding\"", NULL});
  return FALSE;
}

/* Newer browsers say where a request comes from. */
static gboolean is_of_another_site(PrpcHttpRequest *request) {
  const char *site = prpc_http_header(request, "Sec-Fetch-Site");
  return site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
}

/* A page that an operator happens to visit can make a browser send GETs and forms, but not JSON. */
static gboolean refuse_browsers(PrpcHttpRequest *request) {
  static const char refusal[] =
      "{\n  \"error\": \"only POST with content type application/json changes anything here\"\n}";
  static const char foreign[] = "{\n  \"error\": \"requests from other web sites are refused\"\n}";
  if (is_of_another_site(request) && !onboard_page_has(prpc_http_path(request))) {
    prpc_http_reply(request, 403, "application/json", foreign, strlen(foreign), NULL);
    return FALSE;
  }
  if (!g_str_has_prefix(prpc_http_path(request), "/prpc/"))
    return TRUE;
  const char *type = prpc_http_header(request, "Content-Type");
  if (strcmp(prpc_http_method(request), "POST") == 0 && type && g_str_has_prefix(type, "application/json"))
    return TRUE;
  prpc_http_reply(request, 400, "application/json", refusal, strlen(refusal), NULL);
  return FALSE;
}

static gboolean guard(PrpcHttpRequest *request, gpointer user_data) {
  return require_token(request, user_data) && refuse_browsers(request);
}

static PrpcRouter *make_router(Onboarding *onboarding) {
  PrpcService *methods = prpc_service_new(&kms__onboard__descriptor, "Onboard.", onboarding);
  prpc_service_handle(methods, "Bootstrap", bootstrap);
  prpc_service_handle(methods, "Onboard", onboard);
  prpc_service_handle(methods, "Finish", finish);
  prpc_service_handle(methods, "GetAttestationInfo", attestation_info);
  PrpcRouter *router = prpc_router_new("DStack KMS");
  prpc_router_mount(router, "/prpc", methods);
  prpc_router_route(router, "GET", "/finish", 0, answer_finish, onboarding);
  prpc_router_route(router, "GET", "/health", 0, answer_health, NULL);
  onboard_page_routes(router);
  prpc_router_filter(router, guard, onboarding);
  return router;
}

gboolean onboard_run(const KmsSetup *setup, GError **error) {
  const KmsConfig *config = setup->config;
  Onboarding onboarding = {.setup = setup};
  onboarding.server = prpc_server_new(WORKERS, MAX_CONNECTIONS, error);
  if (!onboarding.server)
    return FALSE;
  g_mutex_init(&onboarding.lock);
  PrpcRouter *router = make_router(&onboarding);
  gboolean listening = prpc_server_listen(onboarding.server, config->onboard_address, router, NULL, error) != 0;
  if (listening) {
    log_info("no keys yet: waiting to be set up at http://%s/", config->onboard_address);
    if (!*config->onboard_token)
      log_warn("INSECURE: whoever reaches %s first decides over the keys: set core.onboard.token", config->onboard_address);
    prpc_server_run(onboarding.server);
  }
  prpc_server_free(onboarding.server);
  prpc_router_free(router);
  g_mutex_clear(&onboarding.lock);
  return listening;
}
