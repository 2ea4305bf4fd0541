#include "service.h"

#include "auth_webhook.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"

#include "gateway.pb-c.h"

#include <string.h>

gboolean gateway_authenticate(X509 *certificate, gpointer user_data, gpointer *identity, GError **error) {
  Gateway *gateway = user_data;
  VerifiedEvidence *evidence = NULL;
  if (!ratls_verify_certificate(gateway->verifier, certificate, &evidence, error)) {
    g_prefix_error(error, "invalid quote: ");
    return FALSE;
  }
  *identity = evidence;
  return TRUE;
}

static void fill_answer(const Gateway *gateway, guint32 ip, Gateway__RegisterCvmResponse *answer) {
  const GatewayConfig *config = gateway->config;
  answer->wg = (Gateway__WireGuardConfig *)prpc_message_new(&gateway__wire_guard_config__descriptor);
  answer->wg->client_ip = ipv4_print(ip);
  answer->wg->servers = g_new0(Gateway__WireGuardPeer *, 1);
  answer->wg->n_servers = 1;
  Gateway__WireGuardPeer *self = (Gateway__WireGuardPeer *)prpc_message_new(&gateway__wire_guard_peer__descriptor);
  prpc_set_string(&self->pk, config->wg_public_key);
  prpc_set_string(&self->ip, config->wg_ip);
  prpc_set_string(&self->endpoint, config->wg_endpoint);
  answer->wg->servers[0] = self;
  answer->agent = (Gateway__GuestAgentConfig *)prpc_message_new(&gateway__guest_agent_config__descriptor);
  answer->agent->external_port = config->external_port;
  answer->agent->internal_port = config->agent_port;
  prpc_set_string(&answer->agent->domain, config->base_domain);
  prpc_set_string(&answer->agent->app_address_ns_prefix, config->app_address_ns_prefix);
}

static gboolean authorize(const Gateway *gateway, const AppInfo *info, GError **error) {
  if (!gateway->config->auth_enabled ||
      auth_webhook_ask(gateway->config->auth_url, gateway->config->auth_timeout_ms, info, error))
    return TRUE;
  g_prefix_error(error, "app authorization failed: ");
  return FALSE;
}

static gboolean register_cvm(PrpcCall *call, const ProtobufCMessage *message, ProtobufCMessage *response,
                             gpointer user_data, GError **error) {
  Gateway *gateway = user_data;
  const Gateway__RegisterCvmRequest *request = (const Gateway__RegisterCvmRequest *)message;
  const VerifiedEvidence *evidence = prpc_call_identity(call);
  if (!evidence) {
    /* Newer guests look for this very text and then come back with a quote. */
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no attestation provided");
    return FALSE;
  }
  if (!authorize(gateway, evidence->app_info, error))
    return FALSE;
  g_autofree char *app_id = hex_encode_bytes(evidence->app_info->app_id);
  g_autofree char *instance_id = hex_encode_bytes(evidence->app_info->instance_id);
  gboolean changed = FALSE;
  guint32 ip = registry_register(gateway->registry, instance_id, app_id, request->client_public_key, &changed, error);
  gboolean sync = changed || wireguard_is_behind(gateway->wireguard);
  if (ip == 0 || (sync && !wireguard_sync(gateway->wireguard, gateway->registry, error)))
    return FALSE;
  g_autofree char *ip_text = ipv4_print(ip);
  log_info("registered instance %s of app %s at %s%s", instance_id, app_id, ip_text, changed ? "" : " (unchanged)");
  fill_answer(gateway, ip, (Gateway__RegisterCvmResponse *)response);
  return TRUE;
}

static gboolean info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                     GError **error) {
  (void)call, (void)request, (void)error; /* nothing to check, nothing can fail */
  const GatewayConfig *config = ((Gateway *)user_data)->config;
  Gateway__InfoResponse *answer = (Gateway__InfoResponse *)response;
  prpc_set_string(&answer->base_domain, config->base_domain);
  answer->external_port = config->external_port;
  prpc_set_string(&answer->app_address_ns_prefix, config->app_address_ns_prefix);
  return TRUE;
}

static void health(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data;
  prpc_http_reply(request, 200, "text/plain; charset=utf-8", "OK", 2, NULL);
}

PrpcRouter *gateway_rpc_router(Gateway *gateway) {
  PrpcService *service = prpc_service_new(&gateway__gateway__descriptor, "Tproxy.", gateway);
  prpc_service_handle(service, "RegisterCvm", register_cvm);
  prpc_service_handle(service, "Info", info);
  PrpcRouter *router = prpc_router_new("dstack Gateway");
  prpc_router_mount(router, "/prpc", service);
  prpc_router_route(router, "GET", "/health", 0, health, NULL);
  prpc_router_header(router, "X-App-Version: v" DSTACK_VERSION);
  return router;
}
