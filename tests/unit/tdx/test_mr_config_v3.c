/* Tests of MRCONFIGID version 3. Vectors: spec attestation I, guest-os 6.1. */
#include "base/error.h"
#include "fixture.h"
#include "tdx/mr_config_v3.h"

#include <string.h>

#define A20 "1111111111111111111111111111111111111111"
#define I20 "4444444444444444444444444444444444444444"
#define C32 "2222222222222222222222222222222222222222222222222222222222222222"
#define P32 "3333333333333333333333333333333333333333333333333333333333333333"
#define G32 "5555555555555555555555555555555555555555555555555555555555555555"
#define DOCUMENT                                                                                                       \
  "{\"app_id\":\"" A20 "\",\"compose_hash\":\"" C32 "\",\"gpu_policy_hash\":\"" G32 "\",\"instance_id\":\"" I20        \
  "\",\"key_provider\":\"kms\",\"key_provider_id\":\"" P32 "\",\"version\":3}"

static MrConfigV3 *parse(const char *document) {
  g_autoptr(GError) error = NULL;
  MrConfigV3 *config = mr_config_v3_parse(document, strlen(document), &error);
  g_assert_no_error(error);
  return config;
}

static void test_vector(void) {
  guint8 id[48];
  mr_config_id_v3(DOCUMENT, strlen(DOCUMENT), id);
  assert_hex(id, sizeof id,
             "0390e5cffa571b22c2ca846872d6fb7b071aa1346f1a1f87f72869c47b39d94099"
             "000000000000000000000000000000");
  g_autoptr(MrConfigV3) config = parse(DOCUMENT);
  g_autofree char *printed = mr_config_v3_print(config);
  g_assert_cmpstr(printed, ==, DOCUMENT);
}

static void test_check(void) {
  guint8 id[48];
  g_autoptr(GError) error = NULL;
  g_autoptr(MrConfigV3) facts = parse(DOCUMENT);
  mr_config_id_v3(DOCUMENT, strlen(DOCUMENT), id);
  mr_config_id_check_v3(id, DOCUMENT, strlen(DOCUMENT), facts, &error);
  g_assert_no_error(error);
  const char *const others[] = {
      "{\"compose_hash\":\"" C32
      "\",\"key_provider\":\"kms\"}", /* says less: right, when it is the one that was measured */
      "{\"compose_hash\":\"" G32 "\",\"key_provider\":\"kms\"}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"none\"}",
      "{\"app_id\":\"" I20 "\",\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\"}",
      "{\"compose_hash\":\"" C32 "\",\"init_script_hashes\":[\"" P32 "\"],\"key_provider\":\"kms\"}",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(others); i++) {
    g_assert_false(mr_config_id_check_v3(id, others[i], strlen(others[i]), facts, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
    g_clear_error(&error);
    guint8 own[48];
    mr_config_id_v3(others[i], strlen(others[i]), own);
    g_assert_cmpint(mr_config_id_check_v3(own, others[i], strlen(others[i]), facts, NULL), ==, i == 0);
  }
}

static void test_init_scripts(void) {
  const char *document = "{\"compose_hash\":\"" C32 "\",\"init_script_hashes\":[\"" P32 "\",\"" G32
                         "\"],\"key_provider\":\"tpm\",\"version\":3}";
  g_autoptr(MrConfigV3) config = parse(document);
  g_autofree char *printed = mr_config_v3_print(config);
  g_assert_cmpstr(printed, ==, document);
  guint8 id[48];
  mr_config_id_v3(document, strlen(document), id);
  g_assert_true(mr_config_id_check_v3(id, document, strlen(document), config, NULL));
  g_ptr_array_remove_index(config->init_script_hashes, 0);
  g_assert_false(mr_config_id_check_v3(id, document, strlen(document), config, NULL));
}

static void test_refused(void) {
  const char *const bad[] = {
      "",
      "[]",
      "{\"key_provider\":\"kms\"}",
      "{\"compose_hash\":\"" C32 "\"}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"local-sgx\"}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\",\"version\":2}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\",\"more\":1}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\",\"app_id\":\"11\"}",
      "{\"compose_hash\":\"" A20 "\",\"key_provider\":\"kms\"}",
      "{\"compose_hash\":7,\"key_provider\":\"kms\"}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\",\"init_script_hashes\":[\"11\"]}",
      "{\"compose_hash\":\"" C32 "\",\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\"}",
      "{\"compose_hash\":\"" C32 "\",\"key_provider\":\"kms\",\"init_script_hashes\":[\"" C32 "\",\"" C32 "\",\"" C32
      "\",\"" C32 "\",\"" C32 "\",\"" C32 "\"]}",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_null(mr_config_v3_parse(bad[i], strlen(bad[i]), &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/mr-config-v3/vector", test_vector);
  g_test_add_func("/tdx/mr-config-v3/check", test_check);
  g_test_add_func("/tdx/mr-config-v3/init-scripts", test_init_scripts);
  g_test_add_func("/tdx/mr-config-v3/refused", test_refused);
  return g_test_run();
}
