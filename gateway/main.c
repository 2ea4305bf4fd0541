/* dstack-gateway: brings TLS traffic to CVMs over WireGuard. Options, configuration and wiring only. */
#include "config.h"
#include "housekeeping.h"
#include "identity.h"
#include "service.h"

#include "base/error.h"
#include "base/file.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/options.h"
#include "ratls/tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MAX_PEM_BYTES (256 * 1024)
#define MAX_RPC_CONNECTIONS 4096
#define MAX_PROXY_CONNECTIONS 100000

static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
      return;
  }
  log_warn("failed to raise the descriptor limit: %s", g_strerror(errno));
}

static RatlsVerifier *make_verifier(const GatewayConfig *config, GError **error) {
  RatlsVerifierOptions options = {.root_ca_path = config->root_ca_path,
                                  .allow_external_root = config->allow_external_root,
                                  .collateral_path = config->collateral_path,
                                  .pccs_url = config->pccs_url,
                                  .collateral_cache_dir = config->collateral_cache_dir,
                                  .insecure_pccs_tls = config->insecure_pccs_tls};
  return ratls_verifier_new(&options, error);
}

static SSL_CTX *make_tls(const GatewayConfig *config, GError **error) {
  g_autofree char *cert = file_read_text(config->tls_cert, MAX_PEM_BYTES, error);
  g_autofree char *client_ca = cert ? file_read_text(config->tls_client_ca, MAX_PEM_BYTES, error) : NULL;
  g_autoptr(GBytes) key_bytes = client_ca ? file_read(config->tls_key, MAX_PEM_BYTES, error) : NULL;
  if (!key_bytes)
    return NULL;
  gsize len;
  const void *data = g_bytes_get_data(key_bytes, &len);
  g_autoptr(Secret) key = secret_new(data, len);
  secret_wipe((void *)data, len);
  return tls_server_context(cert, key, client_ca, FALSE, error);
}

static Proxy *start_proxy(const Gateway *gateway, GError **error) {
  const GatewayConfig *config = gateway->config;
  ProxyOptions options = {
      .listen_addr = config->proxy_addr,
      .listen_port = config->proxy_port,
      .workers = MIN((guint)config->proxy_workers, g_get_num_processors()),
      .base_domain = config->base_domain,
      .connect_top_n = (guint)config->connect_top_n,
      .buffer_size = config->buffer_size,
      .max_connections = MAX_PROXY_CONNECTIONS,
      .handshake_ms = config->handshake_ms,
      .connect_ms = config->connect_ms,
      .idle_ms = config->idle_ms,
      .total_ms = config->total_ms,
      .registry = gateway->registry,
      .certificates = gateway->certificates,
  };
  return proxy_start(&options, error);
}

static gboolean open_data_plane(Gateway *gateway, GError **error) {
  const GatewayConfig *config = gateway->config;
  WireguardOptions wireguard = {.interface = config->wg_interface,
                                .ip = config->wg_ip,
                                .config_path = config->wg_config_path,
                                .private_key = config->wg_private_key,
                                .listen_port = config->wg_listen_port};
  gateway->registry = registry_new(&config->wg_plan, config->state_path, config->wg_public_key, error);
  gateway->certificates = gateway->registry ? certificate_store_new(config->proxy_cert_chain, config->proxy_cert_key,
                                                                    (const char *const *)config->proxy_tls_versions, error)
                                            : NULL;
  gateway->proxy = gateway->certificates ? start_proxy(gateway, error) : NULL;
  gateway->wireguard = gateway->proxy ? wireguard_new(&wireguard, error) : NULL;
  return gateway->wireguard && wireguard_sync(gateway->wireguard, gateway->registry, error);
}

static gboolean open_control_plane(Gateway *gateway, PrpcRouter *rpc, PrpcRouter *admin, GError **error) {
  const GatewayConfig *config = gateway->config;
  g_autoptr(SSL_CTX) tls = make_tls(config, error);
  gateway->server = tls ? prpc_server_new(MAX(1, (guint)config->workers), MAX_RPC_CONNECTIONS, error) : NULL;
  if (!gateway->server)
    return FALSE;
  PrpcListenOptions options = {.tls = tls,
                               .authenticator = gateway_authenticate,
                               .authenticator_data = gateway,
                               .identity_free = (GDestroyNotify)verified_evidence_free};
  if (!prpc_server_listen(gateway->server, config->address, rpc, &options, error))
    return FALSE;
  PrpcListenOptions plain = {0};
  return !config->admin_enabled || prpc_server_listen(gateway->server, config->admin_address, admin, &plain, error);
}

static gboolean run(Gateway *gateway, GError **error) {
  const GatewayConfig *config = gateway->config;
  if (config->set_ulimit)
    raise_descriptor_limit();
  if (config->run_in_dstack && *config->rpc_domain &&
      !identity_obtain(config->rpc_domain, config->tls_cert, config->tls_key, config->tls_client_ca, error))
    return FALSE;
  gateway->verifier = make_verifier(config, error);
  if (!gateway->verifier || !open_data_plane(gateway, error))
    return FALSE;
  PrpcRouter *rpc = gateway_rpc_router(gateway), *admin = gateway_admin_router(gateway);
  gboolean opened = open_control_plane(gateway, rpc, admin, error);
  if (opened) {
    log_info("serving *.%s on %s:%u, registrations on %s", config->base_domain, config->proxy_addr,
             proxy_port(gateway->proxy), config->address);
    Housekeeping *housekeeping = housekeeping_start(gateway);
    footprint_shed_startup();
    prpc_server_run(gateway->server);
    housekeeping_stop(housekeeping);
  }
  prpc_server_free(gateway->server);
  prpc_router_free(rpc);
  prpc_router_free(admin);
  return opened;
}

static void close_gateway(Gateway *gateway) {
  proxy_stop(gateway->proxy);
  wireguard_free(gateway->wireguard);
  certificate_store_free(gateway->certificates);
  registry_free(gateway->registry);
  g_clear_pointer(&gateway->verifier, ratls_verifier_unref);
}

int main(int argc, char **argv) {
  footprint_limit_arenas();
  log_init("dstack-gateway", LOG_INFO);
  g_autofree char *path = NULL;
  gboolean version = FALSE;
  const GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &path, "configuration file (TOML or JSON)", "FILE"},
      {"version", 'V', 0, G_OPTION_ARG_NONE, &version, "print the version", NULL},
      {NULL}};
  g_autoptr(GOptionContext) options = g_option_context_new("- brings TLS traffic to CVMs over WireGuard");
  g_option_context_add_main_entries(options, entries, NULL);
  g_autoptr(GError) error = NULL;
  if (!options_parse(options, &argc, &argv, &error)) {
    (void)fprintf(stderr, "dstack-gateway: %s\n", error->message);
    return 2;
  }
  if (version) {
    (void)printf("dstack-gateway %s\n", DSTACK_VERSION);
    return 0;
  }
  g_autoptr(GatewayConfig) config = gateway_config_load(path, &error);
  Gateway gateway = {.config = config};
  gboolean ran = config && run(&gateway, &error);
  if (!ran)
    log_error("%s", error->message);
  close_gateway(&gateway);
  return ran ? 0 : 1;
}
