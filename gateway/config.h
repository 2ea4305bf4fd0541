/* The gateway's configuration (spec: gateway 3). */
#pragma once

#include "ipv4_net.h"

#include "base/config.h"
#include "base/secret.h"

#include <glib.h>

typedef struct {
  char *address;          /* RPC listener, "IP:PORT" */
  guint64 workers;
  char *tls_cert, *tls_key, *tls_client_ca; /* files; written by the gateway in a CVM */
  char *state_path, *rpc_domain;
  gboolean set_ulimit, run_in_dstack;

  gboolean auth_enabled;
  char *auth_url;
  guint64 auth_timeout_ms;

  gboolean admin_enabled;
  char *admin_address;    /* "IP:PORT" or "unix:PATH" */
  char *admin_token;      /* "" : none */
  gboolean admin_insecure_no_auth;

  char *wg_public_key;
  Secret *wg_private_key;
  guint16 wg_listen_port;
  char *wg_ip;            /* with prefix */
  Ipv4Plan wg_plan;
  char *wg_config_path, *wg_interface, *wg_endpoint;

  char *proxy_cert_chain, *proxy_cert_key;
  char **proxy_tls_versions;
  char *base_domain;      /* lower case, no leading dot */
  guint16 external_port, proxy_port, agent_port;
  char *proxy_addr, *app_address_ns_prefix;
  guint64 buffer_size, connect_top_n, proxy_workers;
  guint64 connect_ms, handshake_ms, idle_ms, total_ms;

  gboolean recycle_enabled;
  guint64 recycle_interval_ms, recycle_timeout_ms;

  gboolean allow_external_root;
  char *root_ca_path, *collateral_path, *pccs_url, *collateral_cache_dir; /* NULL when not set */
  gboolean insecure_pccs_tls;
} GatewayConfig;

GatewayConfig *gateway_config_load(const char *path, GError **error);
void gateway_config_free(GatewayConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(GatewayConfig, gateway_config_free)
