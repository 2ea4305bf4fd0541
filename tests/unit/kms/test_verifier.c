/* The verifier's judgement: vm_config, what the webhook is asked and what is made of its answers, measurements. */
#include "hex_util.h"

#include "kms/verifier/auth_api.h"
#include "kms/verifier/boot_info.h"
#include "kms/verifier/os_image.h"
#include "kms/verifier/vm_config.h"

#include "base/error.h"
#include "base/file.h"
#include "measure/measure.h"

#include <glib/gstdio.h>
#include <string.h>

#define HASH_OF_TWOS "2222222222222222222222222222222222222222222222222222222222222222"
#define SHAPE "\"os_image_hash\":\"" HASH_OF_TWOS "\",\"cpu_count\":2,\"memory_size\":4294967296"

static void assert_key(const char *vm_config, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autofree char *key = measure_vm_cache_key(vm_config, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(key, ==, expected);
}

/* spec kms 7.5 */
static void test_cache_key_vector(void) {
  static const char expected[] = "401de5afeac4b0e18c39e53331b1c3bc7bca53adb69152817f4560276263d05f";
  assert_key("{\"spec_version\":1," SHAPE
             ",\"qemu_single_pass_add_pages\":false,\"pic\":true,\"qemu_version\":\"9.1.0\","
             "\"pci_hole64_size\":0,\"hugepages\":false,\"num_gpus\":0,\"num_nvswitches\":0,\"hotplug_off\":false}",
             expected);
  /* Order, unknown members, a missing spec_version and defaults written out make no difference. */
  assert_key("{\"qemu_version\":\"9.1.0\",\"unknown\":[1],\"pic\":true,\"num_nics\":1,\"qemu_single_pass_add_pages\":"
             "false," SHAPE "}",
             expected);
}

static void test_cache_key_covers_newer_fields(void) {
  g_autofree char *plain = measure_vm_cache_key("{" SHAPE "}", NULL);
  static const char *const additions[] = {"\"num_nics\":2",
                                          "\"num_verity_volumes\":1",
                                          "\"host_share_mode\":\"vhd\"",
                                          "\"hotplug_off\":true",
                                          "\"swtpm\":true",
                                          "\"pic\":false",
                                          "\"ovmf_variant\":\"x\"",
                                          NULL};
  for (const char *const *addition = additions; *addition; addition++) {
    g_autofree char *text = g_strdup_printf("{" SHAPE ",%s}", *addition);
    g_autofree char *key = measure_vm_cache_key(text, NULL);
    g_assert_cmpstr(key, !=, plain);
  }
}

static void test_bad_vm_config(void) {
  static const char *const bad[] = {
      "",
      "null",
      "[]",
      "{}",
      "{" SHAPE,
      "{" SHAPE "} x",
      "{" SHAPE ",\"cpu_count\":3}",
      "{\"os_image_hash\":\"22\",\"cpu_count\":2,\"memory_size\":1}",
      "{\"os_image_hash\":\"\",\"cpu_count\":2,\"memory_size\":1}",
      "{\"os_image_hash\":\"zz"
      "222222222222222222222222222222222222222222222222222222222222"
      "zz\"}",
      "{\"os_image_hash\":\"../../../../../../../../../../../../../../../../etc/passwd00000000000000\"}",
      "{\"os_image_hash\":\"" HASH_OF_TWOS "\",\"cpu_count\":-1}",
      "{\"os_image_hash\":\"" HASH_OF_TWOS "\",\"cpu_count\":\"2\"}",
      "{\"os_image_hash\":\"" HASH_OF_TWOS "\",\"pic\":1}",
      NULL};
  for (const char *const *text = bad; *text; text++) {
    g_autoptr(GError) error = NULL;
    guint8 hash[KMS_IMAGE_HASH_SIZE];
    g_assert_false(vm_config_image_hash(*text, hash, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "failed to decode vm config: "));
  }
}

static void test_webhook_answers(void) {
  static const char *const bad[] = {"",
                                    "true",
                                    "{}",
                                    "{\"isAllowed\":true}",
                                    "{\"isAllowed\":\"true\",\"gatewayAppId\":\"g\",\"reason\":\"\"}",
                                    "{\"isAllowed\":1,\"gatewayAppId\":\"g\",\"reason\":\"\"}",
                                    "{\"isAllowed\":null,\"gatewayAppId\":\"g\",\"reason\":\"\"}",
                                    "{\"isAllowed\":true,\"gatewayAppId\":\"g\"}",
                                    "{\"isAllowed\":true,\"reason\":\"\"}",
                                    "{\"isAllowed\":false,\"isAllowed\":true,\"gatewayAppId\":\"g\",\"reason\":\"\"}",
                                    "{\"isAllowed\":true,\"gatewayAppId\":\"g\",\"reason\":\"\"}garbage",
                                    NULL};
  for (const char *const *text = bad; *text; text++) {
    g_autoptr(GError) error = NULL;
    g_auto(BootDecision) decision = {0};
    g_assert_false(auth_reply_parse(*text, strlen(*text), &decision, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
  g_autoptr(GError) error = NULL;
  const char *yes = "{\"isAllowed\":true,\"gatewayAppId\":\"g\",\"reason\":\"\",\"more\":1}";
  g_auto(BootDecision) decision = {0}, refusal = {0};
  g_assert_true(auth_reply_parse(yes, strlen(yes), &decision, &error));
  g_assert_cmpstr(decision.gateway_app_id, ==, "g");
  g_assert_cmpuint(decision.contract_block, ==, AUDIT_BLOCK_UNKNOWN);
  const char *no = "{\"isAllowed\":false,\"gatewayAppId\":\"g\",\"reason\":\"device not allowed\",\"blockNumber\":7}";
  g_assert_false(auth_reply_parse(no, strlen(no), &refusal, &error));
  g_assert_cmpuint(refusal.contract_block, ==, 7);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED);
  g_assert_cmpstr(error->message, ==, "boot denied: device not allowed");
}

static void test_webhook_info(void) {
  g_auto(AuthInfo) info = {0};
  const char *text = "{\"status\":\"ok\",\"kmsContractAddr\":\"0x1\",\"gatewayAppId\":\"g\",\"chainId\":8453,"
                     "\"appImplementation\":\"0x2\",\"ethRpcUrl\":\"\"}";
  g_assert_true(auth_info_parse(text, strlen(text), &info, NULL));
  g_assert_cmpuint(info.chain_id, ==, 8453);
  g_assert_cmpstr(info.contract, ==, "0x1");
  const char *missing = "{\"status\":\"ok\",\"kmsContractAddr\":\"0x1\",\"gatewayAppId\":\"g\",\"chainId\":8453}";
  g_auto(AuthInfo) nothing = {0};
  g_assert_false(auth_info_parse(missing, strlen(missing), &nothing, NULL));
}

static char *fixture_path(const char *name) {
  const char *dir = g_getenv("DSTACK_SHARED_DIR");
  g_autofree char *beside = g_build_filename(SOURCE_ROOT, "..", "shared", NULL);
  return g_build_filename(dir ? dir : beside, "fixtures", "attestation", "dstack", name, NULL);
}

/* The reference simulator's quote and log. What a caller would have verified first is taken as it is here. */
static VerifiedEvidence *fixture_evidence(void) {
  g_autofree char *quote_path = fixture_path("simulator-v055.quote.hex");
  g_autofree char *log_path = fixture_path("simulator-v055.eventlog.json");
  g_autofree char *quote_hex = file_read_text(quote_path, 100000, NULL);
  g_autofree char *log_json = file_read_text(log_path, 1000000, NULL);
  if (!quote_hex || !log_json)
    return NULL;
  g_autoptr(GBytes) raw = hex_decode_prefixed(g_strstrip(quote_hex), NULL);
  VerifiedEvidence *evidence = g_new0(VerifiedEvidence, 1);
  evidence->quote = quote_parse(raw, NULL);
  evidence->log = tdx_event_log_parse(log_json, strlen(log_json), NULL);
  evidence->log_json = g_steal_pointer(&log_json);
  evidence->app_info = app_info_decode(evidence->quote, evidence->log, APP_INFO_RUNTIME, NULL);
  evidence->boot_info = app_info_decode(evidence->quote, evidence->log, APP_INFO_BOOT_TIME, NULL);
  evidence->advisory_ids = g_ptr_array_new_with_free_func(g_free);
  g_ptr_array_add(evidence->advisory_ids, g_strdup("INTEL-SA-00001"));
  g_assert_true(evidence->app_info && evidence->boot_info);
  return evidence;
}

static json_t *boot_info_object(const VerifiedEvidence *evidence, AppInfoMode mode) {
  guint8 image[KMS_IMAGE_HASH_SIZE] = {0x22};
  g_auto(BootInfo) info = {0};
  g_autoptr(GError) error = NULL;
  g_assert_true(boot_info_from_evidence(evidence, mode, image, &info, &error));
  g_autofree char *text = boot_info_to_json(&info, &error);
  g_assert_no_error(error);
  return json_parse(text, strlen(text), "boot info", NULL);
}

static void assert_member(const json_t *object, const char *key, const char *expected) {
  g_assert_cmpstr(json_string_value(json_object_get(object, key)), ==, expected);
}

/* spec kms 7.2 */
static void test_boot_info_vector(void) {
  g_autoptr(VerifiedEvidence) evidence = fixture_evidence();
  if (!evidence) {
    g_test_skip("fixtures are not here");
    return;
  }
  g_autoptr(json_t) runtime = boot_info_object(evidence, APP_INFO_RUNTIME);
  g_autoptr(json_t) boot = boot_info_object(evidence, APP_INFO_BOOT_TIME);
  assert_member(runtime, "deviceId", "da2d377e04b7133ec1287a18d465fa44ae9dbb08d929166c6bdb414f38a2acd3");
  assert_member(runtime, "mrSystem", "db69de4e8cd3cfb7431c31b9b3c0919cd4e688e629c15d9e745881f20caf25c8");
  assert_member(runtime, "mrAggregated", "286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64");
  assert_member(boot, "mrSystem", "6930d5fcad72e580012d8e67b676bcd70a5c9e2aa60f4ca207fb7c4656743e79");
  assert_member(boot, "mrAggregated", "9e0a88d0aca3c3ff08e37556e88afbf5c5875725081cc3dd4db9d0e7dd1c17d6");
  assert_member(boot, "keyProviderInfo", "");
  assert_member(runtime, "eventLog", evidence->log_json);
  assert_member(runtime, "teeVariant", "dstack-tdx");
  g_assert_cmpuint(json_array_size(json_object_get(runtime, "advisoryIds")), ==, 1);
  static const char *const order[] = {"teeVariant",  "mrtd",         "rtmr0",       "rtmr1",           "rtmr2",
                                      "rtmr3",       "mrAggregated", "osImageHash", "mrSystem",        "appId",
                                      "composeHash", "instanceId",   "deviceId",    "keyProviderInfo", "eventLog",
                                      "tcbStatus",   "advisoryIds"};
  guint i = 0;
  const char *key;
  json_t *ignored;
  json_object_foreach(runtime, key, ignored) g_assert_cmpstr(key, ==, order[i++]);
  g_assert_cmpuint(i, ==, G_N_ELEMENTS(order));
}

/* A log without boot-mr-done: the same registers, but the key provider must not show in the boot-time measurements. */
static void test_boot_info_without_boot_end(void) {
  g_autoptr(VerifiedEvidence) evidence = fixture_evidence();
  if (!evidence) {
    g_test_skip("fixtures are not here");
    return;
  }
  g_autofree char *expected = hex_encode(evidence->boot_info->mr_system, 32);
  g_clear_pointer(&evidence->boot_info, app_info_free);
  g_autoptr(json_t) boot = boot_info_object(evidence, APP_INFO_BOOT_TIME);
  assert_member(boot, "mrSystem", expected);
  assert_member(boot, "keyProviderInfo", "");
  assert_member(boot, "mrAggregated", "286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64");
}

static void replace(GBytes **bytes, gsize len) {
  static const guint8 zero[64];
  g_bytes_unref(*bytes);
  *bytes = g_bytes_new_static(zero, len);
}

static void test_boot_info_sizes(void) {
  guint8 image[KMS_IMAGE_HASH_SIZE] = {0};
  for (guint i = 0; i < 4; i++) {
    g_autoptr(VerifiedEvidence) evidence = fixture_evidence();
    if (!evidence) {
      g_test_skip("fixtures are not here");
      return;
    }
    GBytes **fields[] = {&evidence->app_info->app_id, &evidence->app_info->app_id, &evidence->app_info->instance_id,
                         &evidence->app_info->compose_hash};
    static const gsize sizes[] = {0, 21, 19, 31};
    replace(fields[i], sizes[i]);
    g_auto(BootInfo) info = {0};
    g_autoptr(GError) error = NULL;
    g_assert_false(boot_info_from_evidence(evidence, APP_INFO_RUNTIME, image, &info, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  }
}

static void write_cache_entry(const char *dir, const char *key, const char *digit) {
  g_autofree char *measurements = g_build_filename(dir, "measurements", NULL), *name = g_strconcat(key, ".json", NULL);
  g_autofree char *path = g_build_filename(measurements, name, NULL), *mr = g_strnfill(96, *digit);
  g_autofree char *text =
      g_strdup_printf("{\"version\":3,\"measured_by\":\"dstack-c 1\",\"measurements\":{\"mrtd\":\"%s\","
                      "\"rtmr0\":\"%s\",\"rtmr1\":\"%s\",\"rtmr2\":\"%s\"}}",
                      mr, mr, mr, mr);
  (void)g_mkdir(measurements, 0755);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void assert_image_refused(OsImageChecker *checker, const VerifiedEvidence *evidence, int code, const char *why) {
  g_autoptr(GError) error = NULL;
  g_assert_false(os_image_check(checker, "{" SHAPE "}", evidence, &error));
  g_assert_error(error, DSTACK_ERROR, code);
  g_assert_nonnull(strstr(error->message, why));
}

static void test_image_cache(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL), *key = measure_vm_cache_key("{" SHAPE "}", NULL);
  const KmsConfig config = {.image_cache_dir = dir, .verify_image = TRUE};
  g_autoptr(OsImageChecker) checker = os_image_checker_new(&config, NULL);
  Quote quote = {0};
  const VerifiedEvidence evidence = {.quote = &quote};
  assert_image_refused(checker, &evidence, DSTACK_ERROR_NOT_FOUND, "is not in the cache"); /* no image, no entry */
  write_cache_entry(dir, key, "0");
  g_assert_true(os_image_check(checker, "{" SHAPE "}", &evidence, NULL));
  quote.td.rtmr[2][47] ^= 1;
  assert_image_refused(checker, &evidence, DSTACK_ERROR_UNVERIFIED, "mrs do not match: RTMR2 mismatch");
  write_cache_entry(dir, key, "x"); /* unreadable: ignored */
  assert_image_refused(checker, &evidence, DSTACK_ERROR_NOT_FOUND, "is not in the cache");
  g_assert_true(os_image_clear(checker, "all", key, NULL));
  g_assert_false(os_image_clear(checker, "../x", NULL, NULL));
  g_autoptr(OsImageChecker) off = os_image_checker_new(&(KmsConfig){.image_cache_dir = dir}, NULL);
  g_assert_true(os_image_check(off, "{" SHAPE "}", &evidence, NULL));
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/vm-config/cache-key", test_cache_key_vector);
  g_test_add_func("/kms/vm-config/newer-fields", test_cache_key_covers_newer_fields);
  g_test_add_func("/kms/vm-config/bad", test_bad_vm_config);
  g_test_add_func("/kms/webhook/answers", test_webhook_answers);
  g_test_add_func("/kms/webhook/info", test_webhook_info);
  g_test_add_func("/kms/boot-info/vector", test_boot_info_vector);
  g_test_add_func("/kms/boot-info/no-boot-end", test_boot_info_without_boot_end);
  g_test_add_func("/kms/boot-info/sizes", test_boot_info_sizes);
  g_test_add_func("/kms/os-image/cache", test_image_cache);
  return g_test_run();
}
