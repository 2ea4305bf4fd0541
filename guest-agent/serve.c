#include "guest-agent/serve.h"

#include "guest-agent/dashboard.h"
#include "guest-agent/demo_cert.h"
#include "guest-agent/logs.h"
#include "guest-agent/metrics.h"
#include "guest-agent/revision.h"
#include "guest-agent/services.h"
#include "guest-agent/systemd.h"

#define MAX_CONNECTIONS 1024
/* Each listener has its own share, so that no caller of one, above all of the public port, takes the places of another.
 */
#define MAX_INTERNAL 512
#define MAX_INTERNAL_V0 192
#define MAX_EXTERNAL 256
#define MAX_GUEST_API 64
G_STATIC_ASSERT(MAX_INTERNAL + MAX_INTERNAL_V0 + MAX_EXTERNAL + MAX_GUEST_API == MAX_CONNECTIONS);
/* Any user of the CVM, and any container the socket is mounted into, may call it. */
#define INTERNAL_SOCKET_MODE 0777

/* The order of systemd's socket unit. */
enum { ACTIVATED_DSTACK, ACTIVATED_TAPPD };

struct AgentServer {
  PrpcServer *prpc;
  PrpcRouter *internal, *internal_v0, *external, *guest_api;
  guint16 external_port;
};

static PrpcService *limited(PrpcService *service, const AgentConfig *config, AgentListener listener) {
  const GArray *limits = config->limits[listener];
  for (guint i = 0; i < limits->len; i++) {
    const AgentMethodLimit *limit = &g_array_index(limits, AgentMethodLimit, i);
    prpc_service_limit(service, limit->method, limit->bytes);
  }
  return service;
}

/* What anybody may see. Logs and metrics are there only when the measured compose file says so. */
static PrpcRouter *public_router(Agent *agent, const AgentConfig *config) {
  PrpcRouter *router = prpc_router_new(config->ident);
  prpc_router_mount(router, "/prpc", limited(worker_service_new(agent), config, AGENT_LISTENER_EXTERNAL));
  prpc_router_route(router, "GET", "/", 0, dashboard_route, agent);
  if (agent->compose->public_logs)
    prpc_router_route(router, "GET", LOGS_PATH "*", 0, logs_route, agent);
  if (agent->compose->public_sysinfo)
    prpc_router_route(router, "GET", "/metrics", 0, metrics_route, agent);
  g_autofree char *header = g_strdup_printf("X-App-Version: v%s (%s)", DSTACK_VERSION, agent_revision);
  prpc_router_header(router, header);
  return router;
}

static void make_routers(AgentServer *server, Agent *agent, const AgentConfig *config) {
  const char *ident = config->ident;
  server->internal = prpc_router_new(ident);
  prpc_router_mount(server->internal, "", limited(dstack_service_new(agent), config, AGENT_LISTENER_INTERNAL));
  prpc_router_mount(server->internal, "/prpc", dstack_probe_service_new(agent));
  server->internal_v0 = prpc_router_new(ident);
  prpc_router_mount(server->internal_v0, "/prpc",
                    limited(tappd_service_new(agent), config, AGENT_LISTENER_INTERNAL_V0));
  server->external = public_router(agent, config);
  server->guest_api = prpc_router_new(ident);
  prpc_router_mount(server->guest_api, "/api", limited(guest_api_service_new(agent), config, AGENT_LISTENER_GUEST_API));
}

static guint listen_on(AgentServer *server, const char *address, PrpcRouter *router, PrpcListenOptions options,
                       GError **error) {
  guint listener = prpc_server_listen(server->prpc, address, router, &options, error);
  if (listener == 0)
    g_prefix_error(error, "failed to listen on %s: ", address);
  return listener;
}

static gboolean listen_on_all(AgentServer *server, const AgentConfig *config, GError **error) {
  const PrpcListenOptions internal = {
      .unix_mode = INTERNAL_SOCKET_MODE, .max_connections = MAX_INTERNAL, .fd = systemd_listen_fd(ACTIVATED_DSTACK)};
  const PrpcListenOptions internal_v0 = {
      .unix_mode = INTERNAL_SOCKET_MODE, .max_connections = MAX_INTERNAL_V0, .fd = systemd_listen_fd(ACTIVATED_TAPPD)};
  const PrpcListenOptions public = {.max_connections = MAX_EXTERNAL}, guest_api = {.max_connections = MAX_GUEST_API};
  if (!listen_on(server, config->internal_address, server->internal, internal, error) ||
      !listen_on(server, config->internal_v0_address, server->internal_v0, internal_v0, error))
    return FALSE;
  guint external = listen_on(server, config->external_address, server->external, public, error);
  if (!external)
    return FALSE;
  if (!g_str_has_prefix(config->external_address, "unix:"))
    server->external_port = prpc_server_port(server->prpc, external);
  return listen_on(server, config->guest_api_address, server->guest_api, guest_api, error) != 0;
}

AgentServer *agent_server_new(Agent *agent, const AgentConfig *config, GError **error) {
  g_autoptr(AgentServer) server = g_new0(AgentServer, 1);
  server->prpc = prpc_server_new(config->workers, MAX_CONNECTIONS, error);
  if (!server->prpc)
    return NULL;
  make_routers(server, agent, config);
  if (!listen_on_all(server, config, error))
    return NULL;
  demo_cert_request(agent->demo_cert);
  return g_steal_pointer(&server);
}

PrpcServer *agent_server_prpc(AgentServer *server) { return server->prpc; }
guint16 agent_server_external_port(AgentServer *server) { return server->external_port; }

void agent_server_free(AgentServer *server) {
  if (!server)
    return;
  g_clear_pointer(&server->prpc, prpc_server_free);
  g_clear_pointer(&server->internal, prpc_router_free);
  g_clear_pointer(&server->internal_v0, prpc_router_free);
  g_clear_pointer(&server->external, prpc_router_free);
  g_clear_pointer(&server->guest_api, prpc_router_free);
  g_free(server);
}
