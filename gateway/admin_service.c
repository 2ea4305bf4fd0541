/* Service Admin: what an operator may see and do (spec: gateway 12). */
#include "service.h"

#include "housekeeping.h"

#include "base/error.h"
#include "crypto/digest.h"

#include "gateway.pb-c.h"

#include <string.h>

#define ONLINE_SECONDS 300

static Gateway__HostInfo *describe(const Gateway *gateway, const Instance *instance) {
  Gateway__HostInfo *host = (Gateway__HostInfo *)prpc_message_new(&gateway__host_info__descriptor);
  prpc_set_string(&host->instance_id, instance->id);
  host->ip = ipv4_print(instance->ip);
  prpc_set_string(&host->app_id, instance->app_id);
  prpc_set_string(&host->base_domain, gateway->config->base_domain);
  host->port = gateway->config->proxy_port;
  host->latest_handshake = (guint64)instance->last_seen_ms / 1000;
  host->num_connections = (guint64)g_atomic_int_get(&instance->connections);
  return host;
}

typedef struct {
  const Gateway *gateway;
  const char *wanted; /* NULL: all */
  GPtrArray *hosts;
  guint online;
} Listing;

static void list_instance(const Instance *instance, gpointer user_data) {
  Listing *listing = user_data;
  gint64 age = g_get_real_time() / G_USEC_PER_SEC - instance->last_seen_ms / 1000;
  listing->online += instance->last_seen_ms > 0 && age < ONLINE_SECONDS;
  if (listing->hosts && (!listing->wanted || strcmp(listing->wanted, instance->id) == 0))
    g_ptr_array_add(listing->hosts, describe(listing->gateway, instance));
}

static gboolean status(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                       GError **error) {
  (void)call, (void)request, (void)error;
  Gateway *gateway = user_data;
  Gateway__StatusResponse *answer = (Gateway__StatusResponse *)response;
  housekeeping_refresh(gateway);
  g_autoptr(GPtrArray) hosts = g_ptr_array_new();
  registry_foreach(gateway->registry, list_instance, &(Listing){.gateway = gateway, .hosts = hosts});
  guint8 digest[SHA256_SIZE];
  digest_sha256(gateway->config->wg_public_key, strlen(gateway->config->wg_public_key), digest);
  prpc_set_bytes(&answer->id, digest, 20);
  answer->num_connections = proxy_connections(gateway->proxy);
  answer->n_hosts = hosts->len;
  answer->hosts = (Gateway__HostInfo **)g_ptr_array_free(g_steal_pointer(&hosts), FALSE);
  return TRUE;
}

static gboolean get_info(PrpcCall *call, const ProtobufCMessage *message, ProtobufCMessage *response, gpointer user_data,
                         GError **error) {
  (void)call, (void)error;
  Gateway *gateway = user_data;
  const Gateway__GetInfoRequest *request = (const Gateway__GetInfoRequest *)message;
  Gateway__GetInfoResponse *answer = (Gateway__GetInfoResponse *)response;
  housekeeping_refresh(gateway);
  g_autoptr(GPtrArray) hosts = g_ptr_array_new();
  registry_foreach(gateway->registry, list_instance,
                   &(Listing){.gateway = gateway, .wanted = request->id, .hosts = hosts});
  answer->found = hosts->len > 0;
  answer->info = answer->found ? hosts->pdata[0] : NULL;
  return TRUE;
}

static gboolean get_meta(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                         GError **error) {
  (void)call, (void)request, (void)error;
  Gateway *gateway = user_data;
  Gateway__GetMetaResponse *answer = (Gateway__GetMetaResponse *)response;
  housekeeping_refresh(gateway);
  Listing listing = {.gateway = gateway};
  registry_foreach(gateway->registry, list_instance, &listing);
  answer->registered = registry_size(gateway->registry);
  answer->online = listing.online;
  return TRUE;
}

static gboolean reload_cert(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                            gpointer user_data, GError **error) {
  (void)call, (void)request, (void)response;
  return certificate_store_reload(((Gateway *)user_data)->certificates, error);
}

static gboolean exit_gateway(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                             gpointer user_data, GError **error) {
  (void)call, (void)request, (void)response, (void)error;
  prpc_server_stop(((Gateway *)user_data)->server);
  return TRUE;
}

static gboolean token_matches(const char *given, const char *token) {
  guint8 a[SHA256_SIZE], b[SHA256_SIZE];
  digest_sha256(given, strlen(given), a);
  digest_sha256(token, strlen(token), b);
  return bytes_equal_constant_time(a, b, sizeof a);
}

static gboolean check_token(PrpcHttpRequest *request, gpointer user_data) {
  const GatewayConfig *config = ((Gateway *)user_data)->config;
  const char *token = prpc_http_header(request, "X-Admin-Token");
  const char *bearer = prpc_http_header(request, "Authorization");
  if (!*config->admin_token || (token && token_matches(token, config->admin_token)) ||
      (bearer && g_str_has_prefix(bearer, "Bearer ") && token_matches(bearer + 7, config->admin_token)))
    return TRUE;
  const char *const headers[] = {"WWW-Authenticate: Bearer realm=\"dstack-gateway admin\"", NULL};
  prpc_http_reply(request, 401, "text/plain; charset=utf-8", "", 0, headers);
  return FALSE;
}

static PrpcService *admin_service(Gateway *gateway) {
  PrpcService *service = prpc_service_new(&gateway__admin__descriptor, "Admin.", gateway);
  prpc_service_handle(service, "Status", status);
  prpc_service_handle(service, "GetInfo", get_info);
  prpc_service_handle(service, "GetMeta", get_meta);
  prpc_service_handle(service, "ReloadCert", reload_cert);
  prpc_service_handle(service, "Exit", exit_gateway);
  return service;
}

PrpcRouter *gateway_admin_router(Gateway *gateway) {
  PrpcRouter *router = prpc_router_new("dstack Gateway");
  prpc_router_mount(router, "", admin_service(gateway));
  prpc_router_mount(router, "/prpc", admin_service(gateway));
  prpc_router_filter(router, check_token, gateway);
  return router;
}
