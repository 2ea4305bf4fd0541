#include "gateway_register.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "gateway.pb-c.h"
#include "prpc/client.h"
#include "ratls/evidence.h"
#include "ratls/tls.h"
#include "wireguard_apply.h"

#include <string.h>

#define CLIENT_SUBJECT "dstack-guest-agent"

/* What one registration needs, whichever gateway it goes to. */
typedef struct {
  const AppKeys *keys;
  SSL_CTX *tls;
  const char *public_key; /* WireGuard's */
} Registration;

gboolean gateway_app_id_check(const char *allowed, GError **error) {
  if (!allowed || !*allowed) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the kms named no gateway app id");
    return FALSE;
  }
  if (g_ascii_strcasecmp(allowed, "any") == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
                "the kms allows any gateway, which would leave it unauthenticated: refused");
    return FALSE;
  }
  return TRUE;
}

gboolean gateway_app_id_matches(const char *allowed, GBytes *app_id) {
  if (g_bytes_get_size(app_id) == 0)
    return FALSE;
  g_autofree char *wanted = hex_encode_bytes(app_id);
  g_auto(GStrv) ids = g_strsplit_set(allowed, ", ", -1);
  for (guint i = 0; ids[i]; i++) {
    const char *id = g_str_has_prefix(ids[i], "0x") ? ids[i] + 2 : ids[i];
    if (g_ascii_strcasecmp(id, wanted) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean check_server(X509 *certificate, gpointer data, GError **error) {
  const AppKeys *keys = data;
  g_autoptr(GBytes) app_id = NULL;
  if (!ratls_cert_app_id(certificate, &app_id, error))
    return FALSE;
  if (app_id && gateway_app_id_matches(keys->gateway_app_id, app_id))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the server is not the gateway that the kms names");
  return FALSE;
}

static SSL_CTX *client_tls(const AppKeys *keys, const SysConfig *config, TdxPlatform *platform, GError **error) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  AppCertSpec spec = {.subject = CLIENT_SUBJECT, .client_auth = TRUE, .ra_tls = TRUE};
  g_auto(GStrv) chain = app_keys_certify(keys, platform, config->vm_config, key, &spec, error);
  if (!chain) {
    g_prefix_error(error, "failed to get a client certificate: ");
    return NULL;
  }
  g_autofree char *chain_pem = g_strjoinv("", chain);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  TlsClientOptions options = {.ca_pem = keys->ca_cert, .cert_pem = chain_pem, .key_pem = key_pem};
  return tls_client_context(&options, error);
}

static WireguardConfig *checked_config(const Gateway__RegisterCvmResponse *answer, GError **error) {
  if (!answer->wg || answer->wg->n_servers == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the gateway answered without a wireguard configuration");
    return NULL;
  }
  g_autoptr(WireguardConfig) config = wireguard_config_new(answer->wg->client_ip, error);
  for (gsize i = 0; config && i < answer->wg->n_servers; i++) {
    const Gateway__WireGuardPeer *peer = answer->wg->servers[i];
    if (!wireguard_config_add(config, peer->pk, peer->ip, peer->endpoint, error))
      return NULL;
  }
  return g_steal_pointer(&config);
}

static WireguardConfig *ask_gateway(const Registration *registration, const char *url, GError **error) {
  g_autofree char *base = g_strconcat(url, g_str_has_suffix(url, "/prpc") ? "" : "/prpc", NULL);
  g_autoptr(PrpcClient) client = prpc_client_new(base, error);
  if (!client)
    return NULL;
  prpc_client_set_tls(client, registration->tls, TRUE);
  prpc_client_set_server_check(client, check_server, (gpointer)registration->keys);
  g_autoptr(PrpcMessage) request = prpc_message_new(&gateway__register_cvm_request__descriptor);
  prpc_set_string(&((Gateway__RegisterCvmRequest *)request)->client_public_key, registration->public_key);
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "RegisterCvm", request, &gateway__register_cvm_response__descriptor, error);
  return answer ? checked_config((const Gateway__RegisterCvmResponse *)answer, error) : NULL;
}

static WireguardConfig *ask_any_gateway(const Registration *registration, char **urls, GError **error) {
  g_autoptr(GError) first = NULL;
  for (guint i = 0; urls[i]; i++) {
    g_autoptr(GError) why = NULL;
    g_autofree char *url = g_strdup(urls[i]);
    while (g_str_has_suffix(url, "/"))
      url[strlen(url) - 1] = '\0';
    WireguardConfig *config = g_str_has_prefix(url, "https://") ? ask_gateway(registration, url, &why) : NULL;
    if (config)
      return config;
    if (!why)
      g_set_error(&why, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not an https url");
    log_warn("gateway %s: %s", url, why->message);
    if (!first)
      first = g_steal_pointer(&why);
  }
  if (!first)
    g_set_error(&first, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the host named no gateway url");
  g_propagate_error(error, g_steal_pointer(&first));
  return NULL;
}

WireguardConfig *gateway_request(const AppKeys *keys, const SysConfig *config, TdxPlatform *platform,
                                 const char *public_key, GError **error) {
  if (!gateway_app_id_check(keys->gateway_app_id, error))
    return NULL;
  g_autoptr(SSL_CTX) tls = client_tls(keys, config, platform, error);
  if (!tls)
    return NULL;
  Registration registration = {keys, tls, public_key};
  return ask_any_gateway(&registration, config->gateway_urls, error);
}

gboolean gateway_register(const AppKeys *keys, const SysConfig *config, TdxPlatform *platform, GError **error) {
  g_autoptr(Secret) key = wireguard_key_new();
  g_autofree char *public_key = wireguard_public_key(key);
  g_autoptr(WireguardConfig) network = gateway_request(keys, config, platform, public_key, error);
  return network && wireguard_apply(network, key, error);
}
