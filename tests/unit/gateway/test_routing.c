/* The gateway's naming and addressing: SNI, routes, networks, the registry and its state file (spec: gateway 6.4, 9, 13, 19). */
#include "gateway/ipv4_net.h"
#include "gateway/registry.h"
#include "gateway/route.h"
#include "gateway/sni.h"
#include "gateway/state_file.h"
#include "gateway/wireguard.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"

#include <string.h>

static const char hello_plain[] =
    "160301004e0100004a0303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000002c02f0100001f0000001b0019"
    "0000166d796170702d383038302e6578616d706c652e636f6d";
static const char hello_alpn[] =
    "1603010059010000550303000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000002c02f0100002a001000050003"
    "0268320000001d001b0000186d796170702d3530303531672e6578616d706c652e636f6d";

static void test_sni_vectors(void) {
  static const struct {
    const char *hex, *name;
  } vectors[] = {{hello_plain, "myapp-8080.example.com"}, {hello_alpn, "myapp-50051g.example.com"}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    char name[SNI_MAX_NAME + 1];
    g_autoptr(GBytes) hello = hex_decode(vectors[i].hex, strlen(vectors[i].hex), NULL);
    gsize len;
    const guint8 *data = g_bytes_get_data(hello, &len);
    g_assert_cmpint(sni_parse(data, len, name), ==, SNI_FOUND);
    g_assert_cmpstr(name, ==, vectors[i].name);
    for (gsize part = 0; part < len; part++)
      g_assert_cmpint(sni_parse(data, part, name), ==, SNI_NEED_MORE);
  }
}

static void test_sni_split_records(void) {
  char name[SNI_MAX_NAME + 1];
  g_autoptr(GBytes) hello = hex_decode(hello_plain, strlen(hello_plain), NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data(hello, &len);
  g_autoptr(GByteArray) split = g_byte_array_new();
  for (gsize at = 5; at < len; at += 7) {
    guint8 part = (guint8)MIN(7, len - at);
    const guint8 header[] = {22, 3, 1, 0, part};
    g_byte_array_append(split, header, sizeof header);
    g_byte_array_append(split, data + at, part);
  }
  g_assert_cmpint(sni_parse(split->data, split->len, name), ==, SNI_FOUND);
  g_assert_cmpstr(name, ==, "myapp-8080.example.com");
}

static void test_sni_hostile(void) {
  char name[SNI_MAX_NAME + 1];
  g_assert_cmpint(sni_parse((const guint8 *)"GET / HTTP/1.1\r\n", 16, name), ==, SNI_MALFORMED);
  g_autoptr(GBytes) hello = hex_decode(hello_plain, strlen(hello_plain), NULL);
  gsize len;
  const guint8 *data = g_bytes_get_data(hello, &len);
  for (gsize at = 0; at < len; at++) /* no flip may crash or yield a name with strange bytes */
    for (guint bit = 0; bit < 8; bit++) {
      g_autofree guint8 *copy = g_memdup2(data, len);
      copy[at] ^= (guint8)(1 << bit);
      if (sni_parse(copy, len, name) == SNI_FOUND)
        g_assert_cmpuint(strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_."), ==, strlen(name));
    }
}

static void test_routes(void) {
  static const struct {
    const char *name, *id;
    guint port;
    RouteMode mode;
  } good[] = {
      {"myapp.example.com", "myapp", 80, ROUTE_TERMINATE},
      {"myapp-8080.example.com", "myapp", 8080, ROUTE_TERMINATE},
      {"myapp-443s.example.com", "myapp", 443, ROUTE_PASSTHROUGH},
      {"myapp-8443s.example.com", "myapp", 8443, ROUTE_PASSTHROUGH},
      {"myapps.example.com", "myapps", 80, ROUTE_TERMINATE},
      {"myapp-s.example.com", "myapp", 443, ROUTE_PASSTHROUGH},
      {"myapp-g.example.com", "myapp", 80, ROUTE_TERMINATE_H2},
      {"myapp-50051g.example.com", "myapp", 50051, ROUTE_TERMINATE_H2},
      {"3327603e03f5bd1f830812ca4a789277fc31f577-8080g.example.com", "3327603e03f5bd1f830812ca4a789277fc31f577", 8080,
       ROUTE_TERMINATE_H2},
      {"myapp-.example.com", "myapp", 80, ROUTE_TERMINATE},
      {"myapp-65535.example.com", "myapp", 65535, ROUTE_TERMINATE},
      {"myapp-00080.example.com", "myapp", 80, ROUTE_TERMINATE},
      {"gateway-8080.example.com", "gateway", 8080, ROUTE_TERMINATE},
      {"gateway-s.example.com", "gateway", 443, ROUTE_PASSTHROUGH},
  };
  Route route;
  for (guint i = 0; i < G_N_ELEMENTS(good); i++) {
    g_assert_true(route_parse(good[i].name, "example.com", &route, NULL));
    g_assert_cmpstr(route.id, ==, good[i].id);
    g_assert_cmpuint(route.port, ==, good[i].port);
    g_assert_cmpint(route.mode, ==, good[i].mode);
  }
  static const char *const bad[] = {"myapp-0", "myapp-+80", "myapp-65536", "myapp-abc", "myapp-8080ss", "myapp-8080gg",
                                    "myapp-gs", "myapp-8080gs", "myapp-sg", "myapp-8080sg", "myapp-8080S", "myapp--80",
                                    "myapp-80-", "myapp-8080-extra", "-8080", "", "invalid.myapp"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autofree char *name = g_strconcat(bad[i], ".example.com", NULL);
    g_autoptr(GError) error = NULL;
    g_assert_false(route_parse(name, "example.com", &route, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  static const char *const custom[] = {"myapp.wrong.com", "example.com", "xexample.com"};
  for (guint i = 0; i < G_N_ELEMENTS(custom); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(route_parse(custom[i], "example.com", &route, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  }
}

static Ipv4Plan make_plan(const char *self, const char *reserved, const char *clients, Ipv4Net *storage) {
  Ipv4Plan plan = {.reserved = storage, .n_reserved = 1};
  g_assert_true(ipv4_net_parse(self, &plan.self, NULL) && ipv4_net_parse(reserved, storage, NULL) &&
                ipv4_net_parse(clients, &plan.clients, NULL));
  return plan;
}

static gboolean in_set(guint32 address, gpointer user_data) {
  return g_hash_table_contains(user_data, GUINT_TO_POINTER(address));
}

static void test_allocation(void) {
  static const struct {
    const char *self, *reserved, *clients, *first[3], *last;
    guint size;
  } vectors[] = {
      {"10.0.0.1/24", "10.0.0.1/32", "10.0.0.0/25", {"10.0.0.2", "10.0.0.3", "10.0.0.4"}, "10.0.0.126", 125},
      {"10.4.0.1/16", "10.4.0.0/27", "10.4.0.0/20", {"10.4.0.32", "10.4.0.33", "10.4.0.34"}, "10.4.15.254", 4063},
      {"10.4.0.2/16", "10.4.0.0/27", "10.4.16.0/20", {"10.4.16.1", "10.4.16.2", "10.4.16.3"}, "10.4.31.254", 4094},
      {"10.4.0.16/16", "10.4.0.0/27", "10.4.240.0/20", {"10.4.240.1", "10.4.240.2", "10.4.240.3"}, "10.4.255.254", 4094},
      {"10.0.41.1/24", "10.0.41.1/31", "10.0.41.1/24", {"10.0.41.2", "10.0.41.3", "10.0.41.4"}, "10.0.41.254", 253},
  };
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    Ipv4Net reserved;
    Ipv4Plan plan = make_plan(vectors[i].self, vectors[i].reserved, vectors[i].clients, &reserved);
    g_assert_true(ipv4_plan_check(&plan, NULL));
    g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
    guint32 address, last = 0;
    for (guint n = 0; (address = ipv4_plan_allocate(&plan, in_set, taken)) != 0; n++, last = address) {
      g_hash_table_add(taken, GUINT_TO_POINTER(address));
      g_autofree char *text = ipv4_print(address);
      if (n < 3)
        g_assert_cmpstr(text, ==, vectors[i].first[n]);
    }
    g_autofree char *last_text = ipv4_print(last);
    g_assert_cmpstr(last_text, ==, vectors[i].last);
    g_assert_cmpuint(g_hash_table_size(taken), ==, vectors[i].size);
  }
}

static void test_plan_checks(void) {
  static const struct {
    const char *self, *reserved, *clients;
    gboolean good;
  } vectors[] = {{"10.1.2.3/24", "10.1.2.0/30", "10.1.2.128/25", TRUE},
                 {"10.2.0.1/24", "10.1.0.0/16", "10.2.0.0/25", FALSE},
                 {"10.1.2.16/24", "10.1.2.0/30", "10.1.2.128/25", FALSE},
                 {"10.1.2.3/24", "10.1.2.0/30", "10.1.3.128/25", FALSE}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    Ipv4Net reserved;
    Ipv4Plan plan = make_plan(vectors[i].self, vectors[i].reserved, vectors[i].clients, &reserved);
    g_assert_cmpint(ipv4_plan_check(&plan, NULL), ==, vectors[i].good);
  }
}

#define APP_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define APP_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define INSTANCE_1 "1111111111111111111111111111111111111111"
#define INSTANCE_2 "2222222222222222222222222222222222222222"
#define KEY_1 "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_2 "MTEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
#define KEY_OWN "MjEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

static guint32 put(Registry *registry, const char *instance, const char *app, const char *key, gboolean *changed) {
  return registry_register(registry, instance, app, key, changed, NULL);
}

static void test_registry(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-gateway-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "state.json", NULL);
  Ipv4Net reserved;
  Ipv4Plan plan = make_plan("10.0.0.1/24", "10.0.0.1/32", "10.0.0.0/29", &reserved);
  Registry *registry = registry_new(&plan, path, KEY_OWN, NULL);
  gboolean changed;
  g_assert_cmphex(put(registry, INSTANCE_1, APP_A, KEY_1, &changed), ==, 0x0a000002);
  g_assert_true(changed);
  g_assert_cmphex(put(registry, INSTANCE_1, APP_A, KEY_1, &changed), ==, 0x0a000002);
  g_assert_false(changed);
  g_assert_cmphex(put(registry, INSTANCE_2, APP_A, KEY_1, &changed), ==, 0); /* a key belongs to one instance */
  g_assert_cmphex(put(registry, INSTANCE_1, APP_B, KEY_1, &changed), ==, 0); /* an instance belongs to one app */
  g_assert_cmphex(put(registry, INSTANCE_2, APP_A, KEY_OWN, &changed), ==, 0);
  g_assert_cmphex(put(registry, INSTANCE_2, APP_A, KEY_2, &changed), ==, 0x0a000003);
  static const char *const bad_keys[] = {"", "short", KEY_1 "\n", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"};
  for (guint i = 0; i < G_N_ELEMENTS(bad_keys); i++)
    g_assert_cmphex(put(registry, INSTANCE_2, APP_A, bad_keys[i], &changed), ==, 0);
  g_assert_cmphex(put(registry, "", APP_A, KEY_2, &changed), ==, 0);

  RegistryTarget targets[REGISTRY_MAX_TARGETS];
  g_assert_cmpuint(registry_select(registry, APP_A, 3, targets), ==, 2);
  registry_release_target(&targets[0]);
  registry_release_target(&targets[1]);
  g_assert_cmpuint(registry_select(registry, INSTANCE_2, 3, targets), ==, 1);
  g_assert_cmphex(targets[0].ip, ==, 0x0a000003);
  registry_release_target(&targets[0]);
  g_assert_cmpuint(registry_select(registry, APP_B, 3, targets), ==, 0);

  registry_free(registry); /* a restart finds everything again */
  registry = registry_new(&plan, path, KEY_OWN, NULL);
  g_assert_cmpuint(registry_size(registry), ==, 2);
  g_assert_cmphex(put(registry, INSTANCE_2, APP_A, KEY_2, &changed), ==, 0x0a000003);
  g_assert_false(changed);
  g_assert_false(registry_recycle(registry, 3600 * 1000));
  g_usleep(5000);
  g_assert_true(registry_recycle(registry, 1));
  g_assert_cmpuint(registry_size(registry), ==, 0);
  registry_free(registry);

  g_assert_true(g_file_set_contents(path, "{", -1, NULL));
  g_autoptr(GError) error = NULL;
  g_assert_null(registry_new(&plan, path, KEY_OWN, &error)); /* never an empty start over a broken file */
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_wireguard_text(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-gateway-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "state.json", NULL);
  Ipv4Net reserved;
  Ipv4Plan plan = make_plan("10.0.0.1/24", "10.0.0.1/32", "10.0.0.0/25", &reserved);
  Registry *registry = registry_new(&plan, path, KEY_OWN, NULL);
  g_autoptr(Secret) private_key = secret_new("", 0);
  WireguardOptions options = {.private_key = private_key, .listen_port = 51820};
  g_autofree char *empty = wireguard_config(&options, registry);
  g_assert_cmpstr(empty, ==, "[Interface]\nPrivateKey = \nListenPort = 51820\n\n");
  gboolean changed;
  put(registry, INSTANCE_1, APP_A, KEY_1, &changed);
  put(registry, INSTANCE_2, APP_A, KEY_2, &changed);
  g_autofree char *two = wireguard_config(&options, registry);
  g_assert_cmpstr(two, ==,
                  "[Interface]\nPrivateKey = \nListenPort = 51820\n\n"
                  "\n[Peer]\nPublicKey = " KEY_1 "\nAllowedIPs = 10.0.0.2/32\nPersistentKeepalive = 25\n"
                  "\n[Peer]\nPublicKey = " KEY_2 "\nAllowedIPs = 10.0.0.3/32\nPersistentKeepalive = 25\n");
  registry_free(registry);
  g_assert_true(file_remove_tree(dir, NULL));
  g_autoptr(GHashTable) handshakes = wireguard_parse_handshakes("k1\t0\nk2\t1700000000\n\n", NULL);
  g_assert_cmpint(*(gint64 *)g_hash_table_lookup(handshakes, "k2"), ==, 1700000000);
  g_assert_null(wireguard_parse_handshakes("k1\tsoon\n", NULL));
  g_assert_null(wireguard_parse_handshakes("k1\n", NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/gateway/sni/vectors", test_sni_vectors);
  g_test_add_func("/gateway/sni/split-records", test_sni_split_records);
  g_test_add_func("/gateway/sni/hostile", test_sni_hostile);
  g_test_add_func("/gateway/routes", test_routes);
  g_test_add_func("/gateway/allocation", test_allocation);
  g_test_add_func("/gateway/plan-checks", test_plan_checks);
  g_test_add_func("/gateway/registry", test_registry);
  g_test_add_func("/gateway/wireguard-text", test_wireguard_text);
  return g_test_run();
}
