#include "config.h"

#include "base/error.h"

#include <string.h>

static const char defaults[] =
    "workers = 8\n"
    "address = \"127.0.0.1\"\n"
    "port = 8010\n"
    "[core]\n"
    "state_path = \"./gateway-state.json\"\n"
    "set_ulimit = true\n"
    "rpc_domain = \"\"\n"
    "run_in_dstack = true\n"
    "[core.auth]\n"
    "enabled = false\n"
    "url = \"http://localhost/app-auth\"\n"
    "timeout = \"5s\"\n"
    "[core.admin]\n"
    "enabled = false\n"
    "address = \"127.0.0.1\"\n"
    "port = 8011\n"
    "auth_token = \"\"\n"
    "insecure_no_auth = false\n"
    "[core.attestation]\n"
    "collateral_cache_dir = \"/var/cache/dstack-gateway/collateral\"\n"
    "insecure_skip_pccs_tls_verify = false\n"
    "insecure_allow_external_trust_anchors = false\n"
    "[core.wg]\n"
    "public_key = \"\"\n"
    "private_key = \"\"\n"
    "listen_port = 51820\n"
    "ip = \"10.0.0.1/24\"\n"
    "reserved_net = [\"10.0.0.1/32\"]\n"
    "client_ip_range = \"10.0.0.0/25\"\n"
    "config_path = \"/etc/wireguard/wg0.conf\"\n"
    "interface = \"wg0\"\n"
    "endpoint = \"10.0.2.2:51820\"\n"
    "[core.proxy]\n"
    "cert_chain = \"/etc/rproxy/certs/cert.pem\"\n"
    "cert_key = \"/etc/rproxy/certs/key.pem\"\n"
    "tls_versions = [\"1.2\"]\n"
    "base_domain = \"app.localhost\"\n"
    "external_port = 443\n"
    "listen_addr = \"0.0.0.0\"\n"
    "listen_port = 8443\n"
    "agent_port = 8090\n"
    "buffer_size = 8192\n"
    "connect_top_n = 3\n"
    "app_address_ns_prefix = \"_dstack-app-address\"\n"
    "workers = 32\n"
    "[core.proxy.timeouts]\n"
    "connect = \"5s\"\n"
    "handshake = \"5s\"\n"
    "idle = \"10m\"\n"
    "total = \"5h\"\n"
    "[core.recycle]\n"
    "enabled = true\n"
    "interval = \"5m\"\n"
    "timeout = \"10h\"\n";

enum { MAX_WORKERS = 256, MAX_BUFFER = 1 << 20, MIN_BUFFER = 1024, MAX_TARGETS = 16 };

/* Getters that copy, so that the parsed tree can go. */
static gboolean get_text(Config *config, const char *key, char **out, GError **error) {
  const char *text;
  if (!config_get_string(config, key, &text, error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

static gboolean get_port(Config *config, const char *key, guint16 *out, GError **error) {
  guint64 value;
  if (!config_get_uint(config, key, G_MAXUINT16, &value, error))
    return FALSE;
  *out = (guint16)value;
  return TRUE;
}

static gboolean get_optional_text(Config *config, const char *key, char **out, GError **error) {
  return !config_has(config, key) || get_text(config, key, out, error);
}

/* `address` with the `port` key, or with a port of its own; "tcp:" before it is the default. */
static gboolean get_address(Config *config, const char *address_key, const char *port_key, char **out, GError **error) {
  const char *address;
  guint16 port;
  if (!config_get_string(config, address_key, &address, error) || !get_port(config, port_key, &port, error))
    return FALSE;
  if (g_str_has_prefix(address, "tcp:"))
    address += strlen("tcp:");
  if (g_str_has_prefix(address, "unix:") || strchr(address, ':'))
    *out = g_strdup(address);
  else
    *out = g_strdup_printf("%s:%u", address, port);
  return TRUE;
}

static gboolean read_server(Config *config, GatewayConfig *out, GError **error) {
  return config_get_uint(config, "workers", MAX_WORKERS, &out->workers, error) &&
         get_address(config, "address", "port", &out->address, error) &&
         get_text(config, "tls.certs", &out->tls_cert, error) && get_text(config, "tls.key", &out->tls_key, error) &&
         get_text(config, "tls.mutual.ca_certs", &out->tls_client_ca, error) &&
         get_text(config, "core.state_path", &out->state_path, error) &&
         get_text(config, "core.rpc_domain", &out->rpc_domain, error) &&
         config_get_bool(config, "core.set_ulimit", &out->set_ulimit, error) &&
         config_get_bool(config, "core.run_in_dstack", &out->run_in_dstack, error);
}

static gboolean read_attestation(Config *config, GatewayConfig *out, GError **error) {
  g_autofree char *older_url = NULL;
  if (!config_get_bool(config, "core.attestation.insecure_allow_external_trust_anchors", &out->allow_external_root,
                       error) ||
      !get_optional_text(config, "core.attestation.root_ca.tdx", &out->root_ca_path, error) ||
      !get_optional_text(config, "core.attestation.collateral_file", &out->collateral_path, error) ||
      !get_optional_text(config, "core.attestation.collateral_cache_dir", &out->collateral_cache_dir, error) ||
      !config_get_bool(config, "core.attestation.insecure_skip_pccs_tls_verify", &out->insecure_pccs_tls, error) ||
      !get_optional_text(config, "core.attestation.urls.pccs", &out->pccs_url, error) ||
      !get_optional_text(config, "core.pccs_url", &older_url, error))
    return FALSE;
  if (!out->pccs_url)
    out->pccs_url = g_steal_pointer(&older_url);
  return TRUE;
}

static gboolean read_access(Config *config, GatewayConfig *out, GError **error) {
  return config_get_bool(config, "core.auth.enabled", &out->auth_enabled, error) &&
         get_text(config, "core.auth.url", &out->auth_url, error) &&
         config_get_duration(config, "core.auth.timeout", &out->auth_timeout_ms, error) &&
         config_get_bool(config, "core.admin.enabled", &out->admin_enabled, error) &&
         get_address(config, "core.admin.address", "core.admin.port", &out->admin_address, error) &&
         get_text(config, "core.admin.auth_token", &out->admin_token, error) &&
         config_get_bool(config, "core.admin.insecure_no_auth", &out->admin_insecure_no_auth, error) &&
         read_attestation(config, out, error);
}

static gboolean read_plan(Config *config, GatewayConfig *out, GError **error) {
  g_auto(GStrv) reserved = NULL;
  const char *clients;
  if (!get_text(config, "core.wg.ip", &out->wg_ip, error) ||
      !ipv4_net_parse(out->wg_ip, &out->wg_plan.self, error) ||
      !config_get_strings(config, "core.wg.reserved_net", &reserved, error) ||
      !config_get_string(config, "core.wg.client_ip_range", &clients, error) ||
      !ipv4_net_parse(clients, &out->wg_plan.clients, error))
    return FALSE;
  out->wg_plan.n_reserved = g_strv_length(reserved);
  out->wg_plan.reserved = g_new0(Ipv4Net, out->wg_plan.n_reserved + 1);
  for (guint i = 0; reserved[i]; i++)
    if (!ipv4_net_parse(reserved[i], &out->wg_plan.reserved[i], error))
      return FALSE;
  return ipv4_plan_check(&out->wg_plan, error);
}

static gboolean read_wireguard(Config *config, GatewayConfig *out, GError **error) {
  const char *private_key;
  if (!get_text(config, "core.wg.public_key", &out->wg_public_key, error) ||
      !config_get_string(config, "core.wg.private_key", &private_key, error))
    return FALSE;
  out->wg_private_key = secret_new(private_key, strlen(private_key));
  if (*private_key == '\0' || *out->wg_public_key == '\0') {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "core.wg.private_key and core.wg.public_key must be set (make them with `wg genkey` and `wg pubkey`)");
    return FALSE;
  }
  return read_plan(config, out, error) && get_port(config, "core.wg.listen_port", &out->wg_listen_port, error) &&
         get_text(config, "core.wg.config_path", &out->wg_config_path, error) &&
         get_text(config, "core.wg.interface", &out->wg_interface, error) &&
         get_text(config, "core.wg.endpoint", &out->wg_endpoint, error);
}

static gboolean read_base_domain(Config *config, GatewayConfig *out, GError **error) {
  const char *text;
  if (!config_get_string(config, "core.proxy.base_domain", &text, error))
    return FALSE;
  out->base_domain = g_ascii_strdown(*text == '.' ? text + 1 : text, -1);
  if (*out->base_domain)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: core.proxy.base_domain: is empty",
              config_origin(config, "core.proxy.base_domain"));
  return FALSE;
}

static gboolean read_proxy(Config *config, GatewayConfig *out, GError **error) {
  gboolean read = read_base_domain(config, out, error) &&
                  get_text(config, "core.proxy.cert_chain", &out->proxy_cert_chain, error) &&
                  get_text(config, "core.proxy.cert_key", &out->proxy_cert_key, error) &&
                  config_get_strings(config, "core.proxy.tls_versions", &out->proxy_tls_versions, error) &&
                  get_port(config, "core.proxy.external_port", &out->external_port, error) &&
                  get_port(config, "core.proxy.listen_port", &out->proxy_port, error) &&
                  get_port(config, "core.proxy.agent_port", &out->agent_port, error) &&
                  get_text(config, "core.proxy.listen_addr", &out->proxy_addr, error) &&
                  get_text(config, "core.proxy.app_address_ns_prefix", &out->app_address_ns_prefix, error) &&
                  config_get_size(config, "core.proxy.buffer_size", &out->buffer_size, error) &&
                  config_get_uint(config, "core.proxy.connect_top_n", MAX_TARGETS, &out->connect_top_n, error) &&
                  config_get_uint(config, "core.proxy.workers", MAX_WORKERS, &out->proxy_workers, error);
  out->buffer_size = CLAMP(out->buffer_size, MIN_BUFFER, MAX_BUFFER);
  return read;
}

static gboolean read_times(Config *config, GatewayConfig *out, GError **error) {
  return config_get_duration(config, "core.proxy.timeouts.connect", &out->connect_ms, error) &&
         config_get_duration(config, "core.proxy.timeouts.handshake", &out->handshake_ms, error) &&
         config_get_duration(config, "core.proxy.timeouts.idle", &out->idle_ms, error) &&
         config_get_duration(config, "core.proxy.timeouts.total", &out->total_ms, error) &&
         config_get_bool(config, "core.recycle.enabled", &out->recycle_enabled, error) &&
         config_get_duration(config, "core.recycle.interval", &out->recycle_interval_ms, error) &&
         config_get_duration(config, "core.recycle.timeout", &out->recycle_timeout_ms, error);
}

static void take_admin_token(GatewayConfig *config) {
  const char *const names[] = {"DSTACK_GATEWAY_ADMIN_TOKEN", "ADMIN_API_TOKEN"};
  for (guint i = 0; i < G_N_ELEMENTS(names) && *config->admin_token == '\0'; i++) {
    const char *token = g_getenv(names[i]);
    if (!token)
      continue;
    g_free(config->admin_token);
    config->admin_token = g_strstrip(g_strdup(token));
  }
}

/* Who asks for one of these must not believe to have it. */
static gboolean check_unavailable(Config *config, GError **error) {
  static const char *const switches[] = {"core.certbot.enabled", "core.sync.enabled", "core.proxy.localhost_enabled",
                                         "core.proxy.inbound_pp_enabled"};
  for (guint i = 0; i < G_N_ELEMENTS(switches); i++) {
    gboolean on = FALSE;
    if (config_has(config, switches[i]) && !config_get_bool(config, switches[i], &on, error))
      return FALSE;
    if (on) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "%s: not implemented yet", switches[i]);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean check_admin(const GatewayConfig *config, GError **error) {
  if (!config->admin_enabled || *config->admin_token || config->admin_insecure_no_auth)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "core.admin is enabled without core.admin.auth_token (or, knowing the risk, core.admin.insecure_no_auth)");
  return FALSE;
}

GatewayConfig *gateway_config_load(const char *path, GError **error) {
  g_autoptr(Config) config = config_new(defaults);
  if (!config_add_standard_files(config, "gateway", path, error))
    return NULL;
  g_autoptr(GatewayConfig) out = g_new0(GatewayConfig, 1);
  if (!read_server(config, out, error) || !read_access(config, out, error) || !read_wireguard(config, out, error) ||
      !read_proxy(config, out, error) || !read_times(config, out, error) || !check_unavailable(config, error))
    return NULL;
  take_admin_token(out);
  if (!check_admin(out, error))
    return NULL;
  config_warn_unknown(config);
  return g_steal_pointer(&out);
}

void gateway_config_free(GatewayConfig *config) {
  if (!config)
    return;
  char *texts[] = {config->address, config->tls_cert, config->tls_key, config->tls_client_ca, config->state_path,
                   config->rpc_domain, config->auth_url, config->admin_address, config->admin_token,
                   config->wg_public_key, config->wg_ip, config->wg_config_path, config->wg_interface,
                   config->wg_endpoint, config->proxy_cert_chain, config->proxy_cert_key, config->base_domain,
                   config->proxy_addr, config->app_address_ns_prefix, config->root_ca_path, config->collateral_path,
                   config->pccs_url, config->collateral_cache_dir};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_strfreev(config->proxy_tls_versions);
  g_free(config->wg_plan.reserved);
  secret_free(config->wg_private_key);
  g_free(config);
}
