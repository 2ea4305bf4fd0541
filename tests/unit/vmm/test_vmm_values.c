/* Small values of the VMM: names, addresses, ports, durations, versions, compose files, manifests. */
#include "vmm/address.h"
#include "vmm/app_compose.h"
#include "vmm/browser_guard.h"
#include "vmm/compose_yaml.h"
#include "vmm/duration.h"
#include "vmm/instance_info.h"
#include "vmm/log_filter.h"
#include "vmm/manifest.h"
#include "vmm/mr_config_id.h"
#include "vmm/names.h"
#include "vmm/ports.h"
#include "vmm/qemu_path.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

#define VECTOR_COMPOSE                                                                                                 \
  "{\"manifest_version\":2,\"name\":\"demo\",\"runner\":\"docker-compose\",\"docker_compose_file\":\"services: {}\\n\"}"

static void test_names(void) {
  g_assert_true(name_check_vm_id("6e7c2a2e-95d8-4f66-8b4c-f4f2f44d7a10", NULL));
  for (const char *const *bad = (const char *const[]){"", "..", "a/b", "a b", "a%2f", NULL}; *bad; bad++)
    g_assert_false(name_check_vm_id(*bad, NULL));
  g_assert_true(name_check_app("my-app_1.0 (new)", NULL));
  g_autofree char *longest = g_strnfill(64, 'a'), *longer = g_strnfill(65, 'a');
  g_assert_true(name_check_app(longest, NULL));
  for (const char *const *bad = (const char *const[]){"", "a/b", "a,b", "a\nb", "\xc3\xa4", longer, NULL}; *bad; bad++)
    g_assert_false(name_check_app(*bad, NULL));
  g_assert_true(name_check_image("dstack-0.5.5", NULL));
  for (const char *const *bad = (const char *const[]){"", ".", "..", "a..b", "a/b", "a,b", NULL}; *bad; bad++)
    g_assert_false(name_check_image(*bad, NULL));
  g_autofree char *app_id = name_normalize_app_id("0x9CB284C11E28E0D1732DE882FE6CFC7DCCA1A79D", NULL);
  g_assert_cmpstr(app_id, ==, "9cb284c11e28e0d1732de882fe6cfc7dcca1a79d");
  for (const char *const *bad = (const char *const[]){"", "0x", "9cb2", "0x0x9cb284c11e28e0d1732de882fe6cfc7dcca1a79d",
                                                      "zcb284c11e28e0d1732de882fe6cfc7dcca1a79d", NULL};
       *bad; bad++)
    g_assert_null(name_normalize_app_id(*bad, NULL));
}

static void test_durations(void) {
  static const struct {
    guint64 seconds;
    const char *text;
  } vectors[] = {{0, "0s"},         {45, "45s"},           {4503, "1h 15m 3s"},          {187200, "2days 4h"},
                 {86400, "1day"},   {2630016, "1month"},   {31557600 + 60, "1year 1m"}, {2 * 31557600ull, "2years"}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autofree char *text = duration_text(vectors[i].seconds);
    g_assert_cmpstr(text, ==, vectors[i].text);
  }
}

static void test_qemu_versions(void) {
  static const char *const vectors[][2] = {
      {"QEMU emulator version 8.2.2 (Debian 2:8.2.2+ds-0ubuntu1.4+tdx1.0)", "8.2.2"},
      {"QEMU emulator version 9.0.0-rc1", "9.0.0-rc1"},
      {"QEMU emulator version 10.0.2+ds (Debian 1:10.0.2)", "10.0.2"},
      {"Some unusual format 8.1.5 with version info", "8.1.5"},
      {"No version information here", NULL},
      {"", NULL}};
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autofree char *version = qemu_version_parse(vectors[i][0]);
    g_assert_cmpstr(version, ==, vectors[i][1]);
  }
}

static void check_listen(const char *address, guint port, const char *expected) {
  g_autofree char *got = listen_address(address, port);
  g_assert_cmpstr(got, ==, expected);
}

static void test_addresses(void) {
  check_listen("unix:./vmm.sock", 0, "unix:./vmm.sock");
  check_listen("UNIX:/run/x", 5, "unix:/run/x");
  check_listen("127.0.0.1", 0, "127.0.0.1:8000");
  check_listen("tcp:127.0.0.1:9080", 0, "127.0.0.1:9080");
  check_listen("TCP:0.0.0.0:9080", 81, "0.0.0.0:81");
  check_listen("::1", 0, "[::1]:8000");
  check_listen("[::1]:81", 0, "[::1]:81");
  for (const char *const *bad = (const char *const[]){"", "localhost", "localhost:80", "vsock:2", "1.2.3.4:0", "[::1", NULL};
       *bad; bad++)
    check_listen(*bad, 0, NULL);
  g_assert_true(listen_address_is_local("127.0.0.1:80") && listen_address_is_local("[::1]:80"));
  g_assert_false(listen_address_is_local("0.0.0.0:80"));
}

static VmmConfig *port_config(void) {
  VmmConfig *config = g_new0(VmmConfig, 1);
  config->port_mapping = TRUE;
  config->port_address = g_strdup("127.0.0.1");
  config->port_ranges = g_array_new(FALSE, FALSE, sizeof(PortRange));
  PortRange range = {FALSE, 1000, 2000};
  g_array_append_val(config->port_ranges, range);
  return config;
}

static void test_ports(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(VmmConfig) config = port_config();
  g_autoptr(GArray) maps = port_maps_new();
  g_assert_true(port_maps_add(maps, config, "tcp", 1000, 80, "", &error));
  g_assert_cmpstr(g_array_index(maps, PortMap, 0).address, ==, "127.0.0.1");
  g_assert_false(port_maps_add(maps, config, "tcp", 2001, 80, "", &error));
  g_assert_cmpstr(error->message, ==, "port mapping is not allowed for tcp:2001");
  g_assert_false(port_maps_add(maps, config, "udp", 1000, 80, "", NULL));
  g_assert_false(port_maps_add(maps, config, "sctp", 1000, 80, "", NULL));
  g_assert_false(port_maps_add(maps, config, "tcp", 1000, 70000, "", NULL));
  g_assert_false(port_maps_add(maps, config, "tcp", 1000, 80, "127.0.0.1,hostfwd=x", NULL));
  config->port_mapping = FALSE;
  g_assert_false(port_maps_add(maps, config, "tcp", 1000, 80, "", NULL));
  config->port_mapping = TRUE;
  g_autoptr(GArray) others = port_maps_new();
  g_assert_true(port_maps_add(others, config, "tcp", 1000, 80, "127.0.0.2", NULL));
  g_assert_true(port_maps_check_clash(maps, others, "x", NULL));
  g_assert_true(port_maps_add(others, config, "tcp", 1000, 81, "0.0.0.0", NULL));
  g_assert_false(port_maps_check_clash(maps, others, "x", NULL));
  g_assert_false(port_maps_check_clash(others, others, "x", NULL));
  g_assert_true(port_maps_check_clash(maps, maps, "x", NULL));
}

static void test_yaml(void) {
  g_assert_true(compose_yaml_check("services:\n  web:\n    image: nginx\n", NULL));
  g_assert_true(compose_yaml_check("version: '3'\nx-a: &a {k: v}\nservices: {web: {<<: *a}}\n", NULL));
  g_assert_true(compose_yaml_check("services: {}\n", NULL));
  static const char *const bad[] = {"", "just text", "- a\n- b\n", "services:\n\t- x\n", "a: b\n", "services: [a]\n",
                                    "services: {}\n---\nservices: {}\n", "a: {services: {}}\n", "services: {a: }}\n",
                                    "services", "? services\n", "%YAML", "services: &a {x: *b"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    gboolean accepted = compose_yaml_check(bad[i], &error);
    if (accepted)
      g_test_message("accepted: %s", bad[i]);
    g_assert_false(accepted);
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  g_autoptr(GString) deep = g_string_new("services: ");
  for (guint i = 0; i < 100; i++)
    g_string_append(deep, "[");
  g_assert_false(compose_yaml_check(deep->str, NULL));
}

static void test_compose(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AppCompose) compose = vmm_compose_parse(VECTOR_COMPOSE, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(compose->name, ==, "demo");
  g_assert_cmpint(compose->key_provider, ==, KEY_PROVIDER_NONE);
  g_autofree char *hash = vmm_compose_hash(VECTOR_COMPOSE), *app_id = vmm_compose_default_app_id(VECTOR_COMPOSE);
  g_assert_cmpstr(hash, ==, "9cb284c11e28e0d1732de882fe6cfc7dcca1a79db7dd7c7ee7aa2f43e06a9c99");
  g_assert_cmpstr(app_id, ==, "9cb284c11e28e0d1732de882fe6cfc7dcca1a79d");
  static const char *const bad[] = {
      "", "[]", "{", "services: {}",
      "{\"name\":\"a\",\"runner\":\"bash\"}",
      "{\"manifest_version\":0,\"name\":\"a\",\"runner\":\"bash\"}",
      "{\"manifest_version\":3,\"name\":\"a\",\"runner\":\"bash\"}",
      "{\"manifest_version\":\"03\",\"name\":\"a\",\"runner\":\"bash\"}",
      "{\"manifest_version\":2,\"runner\":\"bash\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"docker-compose\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"docker-compose\",\"docker_compose_file\":\"{\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"kms_enabled\":\"yes\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"kms_enabled\":null}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"key_provider\":\"other\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"key_provider_id\":\"0xaa\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"swap_size\":\"lots\"}",
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"allowed_envs\":[1]}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(AppCompose) refused = vmm_compose_parse(bad[i], NULL);
    g_assert_null(refused);
  }
  g_autoptr(AppCompose) kms = vmm_compose_parse(
      "{\"manifest_version\":\"2\",\"name\":\"a\",\"runner\":\"bash\",\"features\":[\"tproxy-net\"],"
      "\"kms_enabled\":true,\"key_provider\":null,\"swap_size\":\"2G\",\"other\":1}",
      &error);
  g_assert_no_error(error);
  g_assert_cmpint(kms->key_provider, ==, KEY_PROVIDER_KMS);
  g_assert_true(kms->gateway_enabled);
  g_autoptr(AppCompose) feature = vmm_compose_parse(
      "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"features\":[\"kms\"]}", &error);
  g_assert_no_error(error);
  g_assert_cmpint(feature->key_provider, ==, KEY_PROVIDER_NONE); /* as the guest chooses */
  g_autofree char *spaces = g_strnfill(COMPOSE_MAX_SIZE + 1, ' ');
  g_assert_null(vmm_compose_parse(spaces, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
}

/* What the guest refuses is refused before a VM is made of it, and the answer names the member. */
static void test_compose_beyond_the_guest(void) {
  static const char *const members[][2] = {
      {"\"manifest_version\":\"3\"", "manifest_version"},
      {"\"requirements\":{}", "requirements"},
      {"\"verity_volumes\":[]", "verity_volumes"},
      {"\"port_policy\":{}", "port_policy"},
      {"\"init_script\":[\"a\"]", "init_script"},
      {"\"storage_fs\":\"ZFS\"", "storage_fs"},
      {"\"key_provider\":\"local\"", "key_provider"},
      {"\"key_provider\":\"tpm\"", "key_provider"},
      {"\"local_key_provider_enabled\":true", "key_provider"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        g_strdup_printf("{%s%s,\"name\":\"a\",\"runner\":\"bash\"}", i ? "\"manifest_version\":2," : "", members[i][0]);
    g_assert_null(vmm_compose_parse(text, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED);
    g_assert_nonnull(strstr(error->message, "not implemented yet"));
    g_assert_nonnull(strstr(error->message, members[i][1]));
  }
}

static void test_mr_config_id(void) {
  g_autoptr(GError) error = NULL;
  guint8 id[MR_CONFIG_ID_SIZE];
  g_autoptr(AppCompose) compose = vmm_compose_parse(VECTOR_COMPOSE, NULL);
  g_assert_true(vmm_mr_config_id(compose, VECTOR_COMPOSE, "", id, &error));
  g_autofree char *v1 = g_base64_encode(id, sizeof id);
  g_assert_cmpstr(v1, ==, "AZyyhMEeKODRcy3ogv5s/H3Moaedt918fueqL0PgapyZAAAAAAAAAAAAAAAAAAAA");
  guint8 provider[32];
  memset(provider, 0xaa, sizeof provider);
  g_bytes_unref(compose->key_provider_id);
  compose->key_provider_id = g_bytes_new(provider, sizeof provider);
  compose->key_provider = KEY_PROVIDER_KMS;
  g_assert_true(vmm_mr_config_id(compose, VECTOR_COMPOSE, "000102030405060708090a0b0c0d0e0f10111213", id, &error));
  g_autofree char *v2 = g_base64_encode(id, sizeof id);
  g_assert_cmpstr(v2, ==, "AvY9B6ecybrpQAed/VvuomBgg+1oCoSCixqvm/dWRzhyAAAAAAAAAAAAAAAAAAAA");
  g_assert_false(vmm_mr_config_id(compose, VECTOR_COMPOSE, "0001", id, NULL));
}

static void test_manifest(void) {
  static const char text[] =
      "{\"id\":\"a-1\",\"name\":\"web\",\"app_id\":\"9cb284c11e28e0d1732de882fe6cfc7dcca1a79d\",\"vcpu\":2,\"memory\":2048,"
      "\"disk_size\":20,\"image\":\"dstack-0.5.5\",\"port_map\":[{\"address\":\"127.0.0.1\",\"protocol\":\"tcp\",\"from\":8080,"
      "\"to\":80}],\"created_at_ms\":1735689600000,\"hugepages\":false,\"pin_numa\":false,\"gpus\":{\"attach_mode\":\"listed\","
      "\"gpus\":[{\"slot\":\"18:00.0\"}],\"bridges\":[]},\"kms_urls\":[\"https://k\"],\"gateway_urls\":[]}";
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) object = json_parse(text, strlen(text), "x", NULL);
  g_autoptr(Manifest) manifest = manifest_parse(object, &error);
  g_assert_no_error(error);
  g_autoptr(json_t) back = manifest_to_json(manifest);
  g_autofree char *again = json_print(back);
  g_assert_cmpstr(again, ==, text);
  json_object_del(object, "gpus");
  json_object_del(object, "kms_urls");
  json_object_del(object, "hugepages");
  g_autoptr(Manifest) shorter = manifest_parse(object, &error);
  g_assert_no_error(error);
  static const char *const wrong[][2] = {{"id", "\"../x\""}, {"image", "\"a/b\""}, {"vcpu", "-1"}, {"port_map", "[1]"}};
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(json_t) copy = json_deep_copy(object);
    json_object_set_new(copy, wrong[i][0], json_loads(wrong[i][1], JSON_DECODE_ANY, NULL));
    g_assert_null(manifest_parse(copy, NULL));
  }
}

static void test_log_filter(void) {
  LogFilter filter = {0};
  g_autoptr(GString) out = g_string_new(NULL);
  static const char first[] = "\x1b[1;31mred\x1b[0m\r\n\ttab\x1b]0;title\x07!\x1b(B", second[] = "x\x1b[2", third[] = "Ky\nz";
  log_filter(&filter, first, out);
  log_filter(&filter, second, out);
  log_filter(&filter, third, out);
  log_filter(&filter, "\xc3\xa4\xc2\x9b" "31mb\xc2\x85", out);
  g_assert_cmpstr(out->str, ==, "red\ntab!xy\nz\xc3\xa4" "b");
}

static void test_instance_info(void) {
  static const char mine[] = "9cb284c11e28e0d1732de882fe6cfc7dcca1a79d", other[] = "00b284c11e28e0d1732de882fe6cfc7dcca1a79d";
  g_autoptr(GError) error = NULL;
  g_auto(InstanceInfo) empty = {0}, same = {0}, foreign = {0};
  g_assert_true(instance_info_parse("{\"app_id\":\"\"}", 13, &empty, &error));
  g_assert_true(instance_info_keep_app(&empty, mine, &error)); /* an empty one must not undo the deployer's choice */
  g_assert_cmpstr(empty.app_id, ==, mine);
  g_autofree char *text = instance_info_text(&empty);
  g_assert_true(instance_info_parse(text, strlen(text), &same, &error) && instance_info_keep_app(&same, mine, &error));
  g_assert_true(instance_info_parse(text, strlen(text), &foreign, &error));
  g_assert_false(instance_info_keep_app(&foreign, other, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
}

static gboolean passes(const char *method, const char *path, const char *site, const char *origin, const char *host,
                       const char *agent) {
  const BrowserRequest request = {method, path, site, origin, host, agent};
  return browser_guard_judge(&request, TRUE) == NULL;
}

static void test_browser_guard(void) {
  static const char call[] = "/prpc/StopVm", here[] = "127.0.0.1:9080", agent[] = "Mozilla/5.0 (X11)";
  g_assert_true(passes("POST", call, NULL, NULL, here, NULL));
  g_assert_true(passes("GET", call, NULL, NULL, here, "curl/8"));
  g_assert_true(passes("POST", call, "same-origin", "http://127.0.0.1:9080", here, agent));
  g_assert_true(passes("GET", call, "none", NULL, here, agent));
  g_assert_true(passes("POST", call, NULL, "http://127.0.0.1:9080", here, agent));
  g_assert_true(passes("POST", call, "same-origin", "https://vmm.example", here, agent)); /* a proxy in front */
  g_assert_true(passes("GET", "/", "cross-site", NULL, here, agent));
  g_assert_false(passes("GET", call, "cross-site", NULL, here, agent));
  g_assert_false(passes("GET", call, "same-site", NULL, here, agent));
  g_assert_false(passes("POST", "/", "cross-site", "http://evil.example", here, agent));
  g_assert_false(passes("POST", call, NULL, "http://evil.example", here, agent));
  g_assert_false(passes("POST", call, NULL, "null", here, agent));
  g_assert_false(passes("POST", call, NULL, "http://127.0.0.1:9081", here, agent));
  g_assert_false(passes("GET", call, NULL, NULL, "192.168.1.5:9080", agent)); /* an image of any page */
  /* A name an attacker's DNS made point here: for the browser all is of one origin. */
  g_assert_false(passes("POST", call, "same-origin", "http://evil.example:9080", "evil.example:9080", agent));
  g_assert_false(passes("GET", "/", "none", NULL, "127.0.0.1.evil.example", agent));
  for (const char *const *own = (const char *const[]){"localhost", "LOCALHOST:80", "dstack.localhost:1", "[::1]:9080", "10.0.2.2", NULL};
       *own; own++)
    g_assert_true(passes("POST", call, NULL, NULL, *own, NULL));
  const BrowserRequest named = {"POST", call, NULL, NULL, "vmm.example", NULL};
  g_assert_null(browser_guard_judge(&named, FALSE));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/vmm/names", test_names);
  g_test_add_func("/vmm/durations", test_durations);
  g_test_add_func("/vmm/qemu-versions", test_qemu_versions);
  g_test_add_func("/vmm/addresses", test_addresses);
  g_test_add_func("/vmm/ports", test_ports);
  g_test_add_func("/vmm/yaml", test_yaml);
  g_test_add_func("/vmm/compose", test_compose);
  g_test_add_func("/vmm/compose-beyond-the-guest", test_compose_beyond_the_guest);
  g_test_add_func("/vmm/mr-config-id", test_mr_config_id);
  g_test_add_func("/vmm/manifest", test_manifest);
  g_test_add_func("/vmm/log-filter", test_log_filter);
  g_test_add_func("/vmm/instance-info", test_instance_info);
  g_test_add_func("/vmm/browser-guard", test_browser_guard);
  return g_test_run();
}
