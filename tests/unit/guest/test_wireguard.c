/* Tests of what a gateway may say: nothing but addresses, keys and endpoints reaches a file or a tool. */
#include "base/error.h"
#include "wireguard_config.h"

#include <string.h>

#define KEY_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="

static void test_text(void) {
  g_autoptr(WireguardConfig) config = wireguard_config_new("10.4.0.32", NULL);
  g_assert_true(wireguard_config_add(config, KEY_A, "10.4.0.1/16", "10.0.2.2:51820", NULL));
  g_assert_true(wireguard_config_add(config, KEY_B, "10.4.0.2", "[2001:db8::1]:1", NULL));
  guint8 raw[32] = {1};
  g_autoptr(Secret) key = secret_new(raw, sizeof raw);
  g_autoptr(Secret) text = wireguard_config_text(config, key, TRUE);
  const char *expected = "[Interface]\nPrivateKey = AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\nListenPort = 9182\n"
                         "Address = 10.4.0.32/32\n\n"
                         "[Peer]\nPublicKey = " KEY_B "\nAllowedIPs = 10.4.0.2/32\nEndpoint = [2001:db8::1]:1\n"
                         "PersistentKeepalive = 25\n"
                         "[Peer]\nPublicKey = " KEY_A "\nAllowedIPs = 10.4.0.1/32\nEndpoint = 10.0.2.2:51820\n"
                         "PersistentKeepalive = 25\n";
  g_assert_cmpmem(secret_peek(text), secret_len(text), expected, strlen(expected));
  g_autoptr(Secret) bare = wireguard_config_text(config, key, FALSE);
  g_assert_null(g_strstr_len((const char *)secret_peek(bare), (gssize)secret_len(bare), "Address"));
  g_autofree char *rules = wireguard_firewall_rules(config, FALSE);
  g_assert_cmpstr(rules, ==,
                  "*filter\n:DSTACK_WG - [0:0]\n-A DSTACK_WG -s 10.0.2.2 -j ACCEPT\n-A DSTACK_WG -j DROP\n"
                  "-I INPUT 1 -p udp --dport 9182 -j DSTACK_WG\nCOMMIT\n");
  g_autofree char *commands = wireguard_ip_commands(config, TRUE);
  g_assert_cmpstr(commands, ==,
                  "link add dstack-wg0 type wireguard\naddress add 10.4.0.32/32 dev dstack-wg0\n"
                  "link set dstack-wg0 up\nroute replace 10.4.0.2/32 dev dstack-wg0\n"
                  "route replace 10.4.0.1/32 dev dstack-wg0\n");
}

static void test_key(void) {
  g_autoptr(Secret) key = wireguard_key_new();
  g_assert_cmpuint(secret_peek(key)[0] & 7, ==, 0);
  g_assert_cmpuint(secret_peek(key)[31] & 0xc0, ==, 0x40);
  g_autofree char *public_key = wireguard_public_key(key);
  g_assert_cmpuint(strlen(public_key), ==, 44);
}

static void test_bad_values(void) {
  static const char *const client_ips[] = {"",    "10.4.0.1/16", "10.4.0.1\n", "0.0.0.0",
                                           "::1", "10.4.0",      "010.4.0.1",  "x"};
  for (guint i = 0; i < G_N_ELEMENTS(client_ips); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(wireguard_config_new(client_ips[i], &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  static const struct {
    const char *key, *ip, *endpoint;
  } rows[] = {
      {"", "10.4.0.1", "h:1"},
      {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "10.4.0.1", "h:1"},
      {KEY_A "\n", "10.4.0.1", "h:1"},
      {KEY_A "\nPostUp = reboot", "10.4.0.1", "h:1"},
      {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "10.4.0.1", "h:1"},
      {KEY_A, "10.4.0.1/33", "h:1"},
      {KEY_A, "10.4.0.1/x", "h:1"},
      {KEY_A, "10.4.0.1,0.0.0.0/0", "h:1"},
      {KEY_A, "", "h:1"},
      {KEY_A, "10.4.0.1", ""},
      {KEY_A, "10.4.0.1", "h"},
      {KEY_A, "10.4.0.1", ":1"},
      {KEY_A, "10.4.0.1", "h:0"},
      {KEY_A, "10.4.0.1", "h:65536"},
      {KEY_A, "10.4.0.1", "h:1\nPostUp = reboot"},
      {KEY_A, "10.4.0.1", "h\nPostUp = reboot:1"},
      {KEY_A, "10.4.0.1", "-j:1"},
      {KEY_A, "10.4.0.1", "a b:1"},
      {KEY_A, "10.4.0.1", "::1:1"},
      {KEY_A, "10.4.0.1", "[zz]:1"},
      {KEY_A, "10.4.0.1", "[]:1"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(WireguardConfig) config = wireguard_config_new("10.4.0.32", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(wireguard_config_add(config, rows[i].key, rows[i].ip, rows[i].endpoint, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_cmpuint(config->peers->len, ==, 0);
  }
}

static void test_duplicates(void) {
  g_autoptr(WireguardConfig) config = wireguard_config_new("10.4.0.32", NULL);
  g_assert_true(wireguard_config_add(config, KEY_A, "10.4.0.1", "h:1", NULL));
  g_assert_false(wireguard_config_add(config, KEY_A, "10.4.0.2", "h:1", NULL));
  g_assert_false(
      wireguard_config_add(config, KEY_B, "10.4.0.1/16", "h:1", NULL)); /* two peers would share its traffic */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/wireguard/text", test_text);
  g_test_add_func("/wireguard/key", test_key);
  g_test_add_func("/wireguard/bad", test_bad_values);
  g_test_add_func("/wireguard/duplicates", test_duplicates);
  return g_test_run();
}
