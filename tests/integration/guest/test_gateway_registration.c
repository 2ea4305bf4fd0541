/* Registering with a gateway: who is believed, and what is believed of its answer. The gateway is a double that serves
 * TLS with certificates of the app's own CA. */
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "gateway.pb-c.h"
#include "gateway_register.h"
#include "prpc/server.h"
#include "ratls/evidence.h"
#include "ratls/tls.h"
#include "tdx/simulated.h"

#include <string.h>

#define GATEWAY_APP_ID "aabbccddeeff00112233aabbccddeeff00112233"
#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

typedef struct {
  char *directory;
  TdxPlatform *platform;
  AppKeys *keys;
} Guest;

typedef struct {
  const char *client_ip, *endpoint;
  char *asked_key; /* the public key of the last request */
  PrpcRouter *router;
  PrpcServer *server;
  char *url;
} Double;

static void guest_make(Guest *guest) {
  guest->directory = g_dir_make_tmp("dstack-gateway-XXXXXX", NULL);
  g_autoptr(Secret) seed = secret_new_random(32);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  guint8 zero[48] = {0};
  for (guint imr = 0; imr < 3; imr++) {
    g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
    g_ptr_array_add(log, tdx_event_new(imr, 4, zero, "", nothing));
  }
  g_autoptr(GError) error = NULL;
  guest->platform = tdx_platform_simulated(pki, zero, zero, log, guest->directory, &error);
  g_assert_no_error(error);
  guest->keys = app_keys_from_seed(seed, KEY_PROVIDER_NONE, guest->platform, &error);
  g_assert_no_error(error);
  g_free(guest->keys->gateway_app_id);
  guest->keys->gateway_app_id = g_strdup("0011223344556677889900112233445566778899, 0x" GATEWAY_APP_ID);
}

static void guest_drop(Guest *guest) {
  app_keys_free(guest->keys);
  tdx_platform_free(guest->platform);
  g_assert_true(file_remove_tree(guest->directory, NULL));
  g_free(guest->directory);
}

static gboolean register_cvm(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                             GError **error) {
  Double *gateway = data;
  if (!prpc_call_certificate(call)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no attestation provided");
    return FALSE;
  }
  g_free(gateway->asked_key);
  gateway->asked_key = g_strdup(((const Gateway__RegisterCvmRequest *)request)->client_public_key);
  Gateway__RegisterCvmResponse *out = (Gateway__RegisterCvmResponse *)response;
  out->wg = (Gateway__WireGuardConfig *)prpc_message_new(&gateway__wire_guard_config__descriptor);
  prpc_set_string(&out->wg->client_ip, gateway->client_ip);
  out->wg->servers = g_new0(Gateway__WireGuardPeer *, 1);
  out->wg->n_servers = 1;
  out->wg->servers[0] = (Gateway__WireGuardPeer *)prpc_message_new(&gateway__wire_guard_peer__descriptor);
  prpc_set_string(&out->wg->servers[0]->pk, KEY_A);
  prpc_set_string(&out->wg->servers[0]->ip, "10.4.0.1/16");
  prpc_set_string(&out->wg->servers[0]->endpoint, gateway->endpoint);
  return TRUE;
}

/* A certificate for 127.0.0.1 under the app's CA; `app_id` NULL: without the extension. */
static SSL_CTX *server_tls(const Guest *guest, const char *app_id) {
  g_autoptr(X509) ca = cert_from_pem(guest->keys->ca_cert, strlen(guest->keys->ca_cert), NULL);
  g_autoptr(EVP_PKEY) ca_key =
      p256_from_pem(secret_peek(guest->keys->ca_key_pem), secret_len(guest->keys->ca_key_pem), NULL);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) id = app_id ? hex_decode(app_id, strlen(app_id), NULL) : NULL;
  CertExtension extension = {RATLS_OID_APP_ID, id};
  const char *names[] = {"127.0.0.1", NULL};
  CertSpec spec = {.common_name = "gateway",
                   .alt_names = names,
                   .server_auth = TRUE,
                   .ca_path_len = -1,
                   .extensions = &extension,
                   .n_extensions = id ? 1 : 0};
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) cert = cert_build(&spec, key, ca, ca_key, &error);
  g_assert_no_error(error);
  g_autofree char *pem = cert_to_pem(cert);
  g_autoptr(Secret) key_pem = p256_to_pem(key);
  SSL_CTX *context = tls_server_context(pem, key_pem, guest->keys->ca_cert, FALSE, &error);
  g_assert_no_error(error);
  return context;
}

static void double_start(Double *gateway, const Guest *guest, const char *app_id) {
  gateway->router = prpc_router_new("gateway");
  PrpcService *service = prpc_service_new(&gateway__gateway__descriptor, "Tproxy.", gateway);
  prpc_service_handle(service, "RegisterCvm", register_cvm);
  prpc_router_mount(gateway->router, "/prpc", service);
  g_autoptr(SSL_CTX) tls = server_tls(guest, app_id);
  PrpcListenOptions options = {.tls = tls};
  gateway->server = prpc_server_new(2, 16, NULL);
  guint listener = prpc_server_listen(gateway->server, "127.0.0.1:0", gateway->router, &options, NULL);
  g_assert_cmpuint(listener, >, 0);
  gateway->url = g_strdup_printf("https://127.0.0.1:%u", prpc_server_port(gateway->server, listener));
  prpc_server_start(gateway->server);
}

static void double_stop(Double *gateway) {
  prpc_server_stop(gateway->server);
  prpc_server_free(gateway->server);
  prpc_router_free(gateway->router);
  g_free(gateway->url);
  g_free(gateway->asked_key);
}

static WireguardConfig *ask(const Guest *guest, const char *first, const char *second, GError **error) {
  char *urls[] = {(char *)first, (char *)second, NULL};
  SysConfig config = {.gateway_urls = urls, .vm_config = (char *)"{}"};
  return gateway_request(guest->keys, &config, guest->platform, KEY_A, error);
}

static void test_accepted(void) {
  Guest guest;
  guest_make(&guest);
  Double gateway = {.client_ip = "10.4.0.32", .endpoint = "10.0.2.2:51820"};
  double_start(&gateway, &guest, GATEWAY_APP_ID);
  g_autoptr(GError) error = NULL;
  g_autofree char *with_slashes = g_strconcat(gateway.url, "//", NULL);
  g_autoptr(WireguardConfig) config = ask(&guest, "https://127.0.0.1:1", with_slashes, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(config->client_ip, ==, "10.4.0.32");
  g_assert_cmpstr(((const WireguardPeer *)config->peers->pdata[0])->endpoint, ==, "10.0.2.2:51820");
  g_assert_cmpstr(gateway.asked_key, ==, KEY_A);
  double_stop(&gateway);
  guest_drop(&guest);
}

static void assert_refused(const char *app_id, const char *reason) {
  Guest guest;
  guest_make(&guest);
  Double gateway = {.client_ip = "10.4.0.32", .endpoint = "10.0.2.2:51820"};
  double_start(&gateway, &guest, app_id);
  g_autoptr(GError) error = NULL;
  g_assert_null(ask(&guest, gateway.url, NULL, &error));
  if (!strstr(error->message, reason))
    g_error("expected \"%s\" in \"%s\"", reason, error->message);
  g_assert_null(gateway.asked_key); /* nothing was sent */
  double_stop(&gateway);
  guest_drop(&guest);
}

static void test_wrong_server(void) {
  assert_refused(NULL, "not the gateway that the kms names");
  assert_refused("", "");
  assert_refused("aabb", "not 20 bytes"); /* a part of an allowed id */
  assert_refused("0000000000000000000000000000000000000000", "not the gateway that the kms names");
}

static void test_foreign_ca(void) {
  Guest guest, other;
  guest_make(&guest);
  guest_make(&other);
  Double gateway = {.client_ip = "10.4.0.32", .endpoint = "10.0.2.2:51820"};
  double_start(&gateway, &other, GATEWAY_APP_ID);
  g_autoptr(GError) error = NULL;
  g_assert_null(ask(&guest, gateway.url, NULL, &error));
  g_assert_nonnull(error);
  g_assert_null(gateway.asked_key);
  double_stop(&gateway);
  guest_drop(&other);
  guest_drop(&guest);
}

static void test_evil_answer(void) {
  static const struct {
    const char *client_ip, *endpoint;
  } rows[] = {
      {"10.4.0.32\nPostUp = reboot", "10.0.2.2:51820"}, {"10.4.0.32", "10.0.2.2:51820\nPostUp = reboot"}, {"", "h:1"}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    Guest guest;
    guest_make(&guest);
    Double gateway = {.client_ip = rows[i].client_ip, .endpoint = rows[i].endpoint};
    double_start(&gateway, &guest, GATEWAY_APP_ID);
    g_autoptr(GError) error = NULL;
    g_assert_null(ask(&guest, gateway.url, NULL, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    double_stop(&gateway);
    guest_drop(&guest);
  }
}

static void test_bad_settings(void) {
  Guest guest;
  guest_make(&guest);
  g_autoptr(GError) error = NULL;
  g_assert_null(ask(&guest, NULL, NULL, &error));
  g_assert_cmpstr(error->message, ==, "the host named no gateway url");
  g_clear_error(&error);
  g_assert_null(ask(&guest, "http://127.0.0.1:1", NULL, &error));
  g_assert_cmpstr(error->message, ==, "not an https url");
  static const char *const lists[] = {"", "any", "ANY"};
  for (guint i = 0; i < G_N_ELEMENTS(lists); i++) {
    g_clear_error(&error);
    g_free(guest.keys->gateway_app_id);
    guest.keys->gateway_app_id = g_strdup(lists[i]);
    g_assert_null(ask(&guest, "https://127.0.0.1:1", NULL, &error));
    g_assert_nonnull(strstr(error->message, "gateway"));
  }
  guest_drop(&guest);
}

static void test_match(void) {
  g_autoptr(GBytes) id = hex_decode(GATEWAY_APP_ID, 40, NULL);
  g_autoptr(GBytes) empty = g_bytes_new(NULL, 0);
  g_assert_true(gateway_app_id_matches("AABBCCDDEEFF00112233AABBCCDDEEFF00112233", id));
  g_assert_true(gateway_app_id_matches("x,,  " GATEWAY_APP_ID ",y", id));
  g_assert_false(gateway_app_id_matches(GATEWAY_APP_ID "00", id));
  g_assert_false(gateway_app_id_matches("", id));
  g_assert_false(gateway_app_id_matches(GATEWAY_APP_ID, empty));
  g_assert_false(gateway_app_id_matches("a,,b", empty));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/gateway-registration/match", test_match);
  g_test_add_func("/gateway-registration/accepted", test_accepted);
  g_test_add_func("/gateway-registration/wrong-server", test_wrong_server);
  g_test_add_func("/gateway-registration/foreign-ca", test_foreign_ca);
  g_test_add_func("/gateway-registration/evil-answer", test_evil_answer);
  g_test_add_func("/gateway-registration/bad-settings", test_bad_settings);
  return g_test_run();
}
