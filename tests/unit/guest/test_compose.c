/* Tests of what a CVM is given: app-compose.json, .sys-config.json, .instance_info, and the identity that follows. */
#include "base/error.h"
#include "base/hex.h"
#include "cvm/compose.h"
#include "cvm/identity.h"
#include "cvm/sys_config.h"

#include <string.h>

static AppCompose *parse(const char *text, GError **error) { return app_compose_parse(text, strlen(text), error); }

/* A compose with some members beside the required ones. */
static AppCompose *parse_with(const char *members, GError **error) {
  g_autofree char *text =
      g_strdup_printf("{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"docker-compose\"%s}", members);
  return parse(text, error);
}

static void test_defaults(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(AppCompose) compose = parse_with("", &error);
  g_assert_no_error(error);
  g_assert_cmpstr(compose->name, ==, "a");
  g_assert_true(compose->public_tcbinfo && compose->secure_time);
  g_assert_false(compose->public_logs || compose->public_sysinfo || compose->gateway_enabled ||
                 compose->no_instance_id);
  g_assert_cmpint(compose->key_provider, ==, KEY_PROVIDER_NONE);
  g_assert_cmpuint(g_bytes_get_size(compose->key_provider_id), ==, 0);
  g_assert_null(compose->storage_fs);
  guint8 hash[SHA256_SIZE];
  digest_sha256(compose->text, strlen(compose->text), hash);
  g_assert_cmpmem(hash, sizeof hash, compose->hash, sizeof compose->hash);
}

static void test_key_provider(void) {
  static const struct {
    const char *members;
    KeyProviderKind kind;
  } rows[] = {{",\"kms_enabled\":true", KEY_PROVIDER_KMS},
              {",\"local_key_provider_enabled\":true", KEY_PROVIDER_LOCAL},
              {",\"kms_enabled\":true,\"local_key_provider_enabled\":true", KEY_PROVIDER_KMS},
              {",\"key_provider\":\"none\",\"kms_enabled\":true", KEY_PROVIDER_NONE},
              {",\"key_provider\":null,\"kms_enabled\":true", KEY_PROVIDER_KMS},
              {",\"key_provider\":\"local\"", KEY_PROVIDER_LOCAL},
              {",\"features\":[\"kms\"]", KEY_PROVIDER_NONE}};
  for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(AppCompose) compose = parse_with(rows[i].members, NULL);
    g_assert_cmpint(compose->key_provider, ==, rows[i].kind);
  }
}

static void test_members(void) {
  g_autoptr(AppCompose) compose =
      parse_with(",\"tproxy_enabled\":true,\"swap_size\":\" 2G \",\"allowed_envs\":[\"A\",\"B\"],\"unknown\":[{}],"
                 "\"key_provider_id\":\"ABcd\",\"storage_fs\":\"EXT4\",\"no_instance_id\":true",
                 NULL);
  g_assert_true(compose->gateway_enabled && compose->no_instance_id);
  g_assert_cmpuint(compose->swap_size, ==, G_GUINT64_CONSTANT(2) << 30);
  g_assert_cmpuint(g_strv_length(compose->allowed_envs), ==, 2);
  g_assert_cmpuint(g_bytes_get_size(compose->key_provider_id), ==, 2);
  g_assert_cmpstr(compose->storage_fs, ==, "EXT4");
}

static void test_refused(void) {
  static const char *const members[] = {",\"public_logs\":\"yes\"",
                                        ",\"swap_size\":\"1.5G\"",
                                        ",\"swap_size\":-1",
                                        ",\"key_provider\":\"x\"",
                                        ",\"key_provider_id\":\"0xab\"",
                                        ",\"allowed_envs\":\"A\"",
                                        ",\"allowed_envs\":[1]",
                                        ",\"name\":\"again\"",
                                        ",\"docker_compose_file\":7",
                                        ",\"pre_launch_script\":[\"a\"]",
                                        ",\"secure_time\":1",
                                        ",\"features\":{}"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(parse_with(members[i], &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_false(g_ascii_isupper(error->message[0]));
  }
  static const char *const texts[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"manifest_version\":2,\"name\":\"a\"}",
                                      "{\"manifest_version\":\"02\",\"name\":\"a\",\"runner\":\"bash\"}",
                                      "{\"manifest_version\":0,\"name\":\"a\",\"runner\":\"bash\"}",
                                      "{\"manifest_version\":1.0,\"name\":\"a\",\"runner\":\"bash\"}",
                                      "services:\n  a: {}\n"};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_assert_null(parse(texts[i], NULL));
}

static void test_newer(void) {
  static const char *const members[] = {",\"requirements\":{}", ",\"verity_volumes\":[]", ",\"port_policy\":{}",
                                        ",\"init_script\":[\"a\"]"};
  for (guint i = 0; i < G_N_ELEMENTS(members); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(parse_with(members[i], &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED);
  }
  g_autoptr(GError) error = NULL;
  g_assert_null(parse("{\"manifest_version\":\" 3 \",\"name\":\"a\",\"runner\":\"bash\"}", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED);
  g_autoptr(AppCompose) accepted =
      parse("{\"manifest_version\":\" 2 \",\"name\":\"a\",\"runner\":\"bash\",\"event_log_version\":1}", NULL);
  g_assert_nonnull(accepted);
  g_assert_cmpuint(accepted->event_log_version, ==, 1);
}

static void test_event_log_version(void) {
  g_autoptr(AppCompose) unset = parse_with("", NULL), second = parse_with(",\"event_log_version\":2", NULL);
  g_assert_cmpuint(unset->event_log_version, ==, 1);
  g_assert_cmpuint(second->event_log_version, ==, 2);
  g_autoptr(GError) error = NULL;
  g_assert_null(parse_with(",\"event_log_version\":3", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_null(parse_with(",\"event_log_version\":0", NULL));
}

static void test_sys_config(void) {
  const char *text =
      "{\"kms_urls\":[\"https://k\"],\"tproxy_urls\":[\"https://g\"],\"host_api_url\":\"vsock://2:10000/api\","
      "\"vm_config\":\"{}\",\"docker_registry\":null,\"pccs_url\":\"\"}";
  g_autoptr(SysConfig) config = sys_config_parse(text, strlen(text), NULL);
  g_assert_cmpstr(config->kms_urls[0], ==, "https://k");
  g_assert_cmpstr(config->gateway_urls[0], ==, "https://g");
  g_assert_cmpstr(config->vm_config, ==, "{}");
  g_assert_null(config->docker_registry);
  g_assert_null(config->pccs_url);
  g_autoptr(GError) error = NULL;
  g_assert_null(sys_config_parse("{}", 2, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_null(sys_config_parse("{\"vm_config\":{}}", 16, NULL));
  g_assert_null(sys_config_parse("{\"vm_config\":\"\",\"kms_urls\":\"x\"}", 31, NULL));
}

static InstanceInfo *info(const char *text, GError **error) { return instance_info_parse(text, strlen(text), error); }

static void test_instance_info(void) {
  g_autoptr(InstanceInfo) empty = info("{}", NULL);
  g_autofree char *text = instance_info_print(empty);
  g_assert_cmpstr(text, ==, "{\"instance_id_seed\":\"\",\"instance_id\":\"\",\"app_id\":\"\"}");
  g_autoptr(InstanceInfo) again = info(text, NULL);
  g_assert_nonnull(again);
  g_assert_null(info("{\"instance_id_seed\":\"22\"}", NULL));
  g_assert_null(info("{\"app_id\":7}", NULL));
  g_assert_null(info("null", NULL));
}

#define TWENTY(x) x x x x x x x x x x x x x x x x x x x x

static void test_identity(void) {
  g_autoptr(AppCompose) compose = parse_with(",\"kms_enabled\":true", NULL);
  g_autoptr(InstanceInfo) stored =
      info("{\"instance_id_seed\":\"" TWENTY("22") "\",\"app_id\":\"" TWENTY("11") "\"}", NULL);
  g_autoptr(InstanceInfo) resolved = identity_resolve(compose, stored, NULL);
  g_autofree char *instance_id = hex_encode_bytes(resolved->instance_id);
  g_assert_cmpstr(instance_id, ==, "e4bd5e84ff6316a0d87374de63c098010d04e0cb");
  g_assert_true(g_bytes_equal(resolved->instance_id_seed, stored->instance_id_seed));
}

static void test_identity_vectors_of_the_vmm(void) {
  guint8 seed[20], app_id[20], out[20];
  memset(seed, 0x5a, sizeof seed);
  g_assert_true(hex_decode_fixed("9cb284c11e28e0d1732de882fe6cfc7dcca1a79d", app_id, sizeof app_id, NULL));
  identity_instance_id(seed, app_id, out);
  g_autofree char *first = hex_encode(out, sizeof out);
  g_assert_cmpstr(first, ==, "b84498c285dfa74be28d077a5f726c902b48dc5a");
  for (guint i = 0; i < sizeof app_id; i++)
    app_id[i] = (guint8)i;
  identity_instance_id(seed, app_id, out);
  g_autofree char *second = hex_encode(out, sizeof out);
  g_assert_cmpstr(second, ==, "ca5171d2928596c8405542c4ede964ce5186d732");
}

static void test_identity_without_kms(void) {
  g_autoptr(AppCompose) compose = parse_with(",\"no_instance_id\":true", NULL);
  g_autoptr(InstanceInfo) foreign = info("{\"app_id\":\"" TWENTY("11") "\"}", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_null(identity_resolve(compose, foreign, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_autoptr(InstanceInfo) stored = info("{\"instance_id_seed\":\"" TWENTY("22") "\"}", NULL);
  g_autoptr(InstanceInfo) resolved = identity_resolve(compose, stored, NULL);
  g_assert_cmpmem(g_bytes_get_data(resolved->app_id, NULL), 20, compose->hash, 20);
  g_assert_cmpuint(g_bytes_get_size(resolved->instance_id), ==, 0);
  g_assert_false(g_bytes_equal(resolved->instance_id_seed, stored->instance_id_seed)); /* provider none: always fresh */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/compose/defaults", test_defaults);
  g_test_add_func("/compose/key-provider", test_key_provider);
  g_test_add_func("/compose/members", test_members);
  g_test_add_func("/compose/refused", test_refused);
  g_test_add_func("/compose/newer", test_newer);
  g_test_add_func("/compose/event-log-version", test_event_log_version);
  g_test_add_func("/compose/sys-config", test_sys_config);
  g_test_add_func("/compose/instance-info", test_instance_info);
  g_test_add_func("/identity/kms", test_identity);
  g_test_add_func("/identity/vmm-vectors", test_identity_vectors_of_the_vmm);
  g_test_add_func("/identity/without-kms", test_identity_without_kms);
  return g_test_run();
}
