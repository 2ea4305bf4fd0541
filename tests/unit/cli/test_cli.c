/* The command line's values: sizes, ports, env files, tables, the app-compose vector, trust in KMS keys. */
#include "cli/app_compose_file.h"
#include "cli/env_file.h"
#include "cli/env_key.h"
#include "cli/env_policy.h"
#include "cli/port_spec.h"
#include "cli/size.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/trust.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "prpc/message.h"

#include <string.h>

#define V1_TIME 1700000000

static void test_sizes(void) {
  static const struct {
    const char *text;
    guint32 value;
  } memory[] = {{"512", 512}, {"512M", 512}, {"1G", 1024}, {"1.5G", 1536}, {"2T", 2097152}, {" 2gb ", 2048}, {"0.5G", 512}},
    disk[] = {{"20", 20}, {"20G", 20}, {"1T", 1024}, {"0.5T", 512}};
  guint32 value;
  for (guint i = 0; i < G_N_ELEMENTS(memory); i++)
    g_assert_true(size_parse_memory(memory[i].text, &value, NULL) && value == memory[i].value);
  for (guint i = 0; i < G_N_ELEMENTS(disk); i++)
    g_assert_true(size_parse_disk(disk[i].text, &value, NULL) && value == disk[i].value);
  for (const char *const *bad =
           (const char *const[]){"", "G", "-1", "1.", "1.3M", "1X", "1GBB", "1 G", ".5G", "9999999999999", "99999999T", NULL};
       *bad; bad++)
    g_assert_false(size_parse_memory(*bad, &value, NULL));
  g_assert_false(size_parse_disk("100M", &value, NULL));
  g_assert_false(size_parse_disk("1.5", &value, NULL));
}

static void check_port(const char *text, const char *address, gboolean udp, guint host, guint vm) {
  g_auto(PortSpec) spec = {0};
  g_assert_true(port_spec_parse(text, &spec, NULL));
  g_assert_cmpstr(spec.address, ==, address);
  g_assert_cmpint(spec.udp, ==, udp);
  g_assert_cmpuint(spec.host_port, ==, host);
  g_assert_cmpuint(spec.vm_port, ==, vm);
}

static void test_ports(void) {
  check_port("8080:80", "127.0.0.1", FALSE, 8080, 80);
  check_port("tcp:8080:80", "127.0.0.1", FALSE, 8080, 80);
  check_port("udp:0.0.0.0:53:53", "0.0.0.0", TRUE, 53, 53);
  check_port("tcp:[::1]:8080:80", "::1", FALSE, 8080, 80);
  for (const char *const *bad = (const char *const[]){"", "80", ":", "a:b", "0:80", "80:65536", "sctp:1:2", "tcp:host:1:2",
                                                      "tcp:::1:1:2", "tcp:1:2:3", "tcp:127.0.0.1,x:1:2", NULL};
       *bad; bad++) {
    g_auto(PortSpec) spec = {0};
    g_assert_false(port_spec_parse(*bad, &spec, NULL));
  }
}

static void test_env(void) {
  g_auto(EnvFile) env = {0};
  g_assert_true(env_file_parse("# note\n\n A = 1 \nB=x=y\r\nnothing\nA=2\nC=\n", &env, NULL));
  g_assert_cmpuint(env.keys->len, ==, 3);
  g_autoptr(Secret) text = env_file_plaintext(&env);
  static const char expected[] =
      "{\"env\":[{\"key\":\"A\",\"value\":\"2\"},{\"key\":\"B\",\"value\":\"x=y\"},{\"key\":\"C\",\"value\":\"\"}]}";
  g_assert_cmpmem(secret_peek(text), secret_len(text), expected, strlen(expected));
  g_autoptr(GError) error = NULL;
  g_auto(EnvFile) bad = {0};
  g_assert_false(env_file_parse("A=1\n =2\n", &bad, &error));
  g_assert_cmpstr(error->message, ==, "line 2: empty key");
  for (const char *const *refused = (const char *const[]){"export FOO=bar", "1A=1", "A-B=1", "A B=1", "\xc3\xa4=1", NULL};
       *refused; refused++) {
    g_auto(EnvFile) none = {0};
    g_assert_false(env_file_parse(*refused, &none, NULL)); /* the guest would not boot with such a name */
  }
}

static void test_compose_vector(void) {
  g_auto(EnvFile) env = {0};
  g_assert_true(env_file_parse("API_KEY=x", &env, NULL));
  AppComposeSpec spec = {.name = "my-app",
                         .docker_compose = "services:\n  web:\n    image: nginx\n",
                         .key_provider_id = "",
                         .kms = TRUE,
                         .env = &env};
  g_autofree char *text = app_compose_write(&spec), *hash = app_compose_file_hash(text);
  g_assert_cmpuint(strlen(text), ==, 431);
  g_assert_cmpstr(hash, ==, "420e062896d55322785cab433f88b4dd61db14c01dbefbc915c11b6bdde560b0");
  g_assert_true(app_compose_recognize(text));
  g_assert_false(app_compose_recognize(spec.docker_compose));
  AppComposeSpec more = {.name = "a", .docker_compose = "\x1b\xc3\xa4\\u00FF/", .key_provider_id = "", .swap_bytes = 1 << 20};
  g_autofree char *other = app_compose_write(&more);
  g_assert_nonnull(strstr(other, "\"\\u001b\xc3\xa4\\\\u00FF/\""));
  g_assert_nonnull(strstr(other, "\"allowed_envs\": [],"));
  g_assert_true(g_str_has_suffix(other, "\"swap_size\": 1048576\n}"));
}

#define READY "{\"manifest_version\":2,\"name\":\"a\",\"runner\":\"bash\",\"allowed_envs\":[\"A\"]"

static void expect_policy(const ComposeOptions *options, const EnvFile *env, const char *text, const char *expected) {
  g_autoptr(GError) error = NULL;
  gboolean accepted =
      text ? env_policy_check_ready(options, env, "app.json", text, &error) : env_policy_check_options(options, env, &error);
  g_assert_cmpint(accepted, ==, expected == NULL);
  if (expected)
    g_assert_nonnull(strstr(error->message, expected));
}

/* Variables that would not reach the app are refused, and the message says what to add. */
static void test_env_policy(void) {
  const ComposeOptions none = {0}, kms = {.kms = TRUE}, script = {.prelaunch_script = (char *)"x"};
  const EnvFile nothing = {0};
  g_auto(EnvFile) one = {0}, two = {0};
  g_assert_true(env_file_parse("A=1", &one, NULL) && env_file_parse("A=1\nB=2\nC=3", &two, NULL));
  expect_policy(&none, &nothing, NULL, NULL);
  expect_policy(&none, &one, NULL, "--env-file needs --kms");
  expect_policy(&kms, &one, NULL, NULL);
  expect_policy(&none, &nothing, READY "}", NULL);
  expect_policy(&none, &one, READY "}", "\"kms_enabled\": true in app.json");
  expect_policy(&none, &one, READY ",\"kms_enabled\":true}", NULL);
  expect_policy(&none, &one, READY ",\"key_provider\":\"kms\"}", NULL);
  expect_policy(&none, &two, READY ",\"kms_enabled\":true}", "B, C; add to its \"allowed_envs\"");
  expect_policy(&kms, &nothing, READY "}", "--kms has no effect on app.json");
  expect_policy(&script, &nothing, READY "}", "--prelaunch-script has no effect");
}

static void test_table(void) {
  static const char *const columns[] = {"VM ID", "N", NULL};
  g_autoptr(Table) table = table_new(columns);
  table_add(table, (const char *const[]){"a", "\xc3\xa4\xc3\xb6\xc3\xbc"});
  table_add(table, (const char *const[]){"", NULL});
  g_autofree char *text = table_text(table);
  g_assert_cmpstr(text, ==,
                  "┌───────┬─────┐\n│ VM ID │ N   │\n├───────┼─────┤\n│ a     │ äöü │\n│ -     │ -   │\n└───────┴─────┘\n");
  g_autofree char *safe = terminal_safe("a\x1b[31m\xff");
  g_assert_cmpstr(safe, ==, "a\xef\xbf\xbd[31m\xef\xbf\xbd");
}

/* ---- trust ---- */

static GBytes *from_hex(const char *text) { return hex_decode(text, strlen(text), NULL); }

static Vmm__PublicKeyResponse *answer_new(const char *signature, const char *signature_v1, guint64 timestamp) {
  Vmm__PublicKeyResponse *answer = (Vmm__PublicKeyResponse *)prpc_message_new(&vmm__public_key_response__descriptor);
  g_autoptr(GBytes) key = from_hex("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a");
  g_autoptr(GBytes) old_form = from_hex(signature), new_form = from_hex(signature_v1);
  prpc_set_gbytes(&answer->public_key, key);
  prpc_set_gbytes(&answer->signature, old_form);
  prpc_set_gbytes(&answer->signature_v1, new_form);
  answer->timestamp = timestamp;
  return answer;
}

static const char legacy[] = "8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a5e7111652004aef37f7fd92fbfc1285"
                             "212c4ae6a6154203a48f5e16cad2cef00";
static const char dated[] = "0e1ed612d5f880bf0036f6ed488aff24fdcdab6f81de790f3f015758652de51c0c4734039c4ac66372f429fd5a00d569ea"
                            "35b435d987138a04b66e42d675a6a501";
static const char legacy_signer[] = "0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f";
static const char dated_signer[] = "031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f";

static gboolean verify(const char *signature, const char *signature_v1, guint64 timestamp, const char *trusted_text, gint64 now,
                       GError **error) {
  static const guint8 app_id[20];
  guint8 trusted_key[K256_PUBLIC_SIZE], signer[K256_PUBLIC_SIZE], key[ENV_KEY_SIZE];
  g_autoptr(GArray) trusted = g_array_new(FALSE, FALSE, K256_PUBLIC_SIZE);
  if (trusted_text && trust_parse_signer(trusted_text, trusted_key, NULL))
    trust_add(trusted, trusted_key);
  Vmm__PublicKeyResponse *answer = answer_new(signature, signature_v1, timestamp);
  gboolean is_dated;
  gboolean good = env_key_verify(answer, app_id, trusted, now, key, signer, &is_dated, error);
  g_assert_cmpint(is_dated, ==, *signature_v1 != '\0');
  prpc_message_free(&answer->base);
  return good;
}

static void test_key_signatures(void) {
  g_autoptr(GError) error = NULL;
  g_assert_true(verify(legacy, "", 0, legacy_signer, V1_TIME, &error));
  g_assert_true(verify("", dated, V1_TIME, dated_signer, V1_TIME + 300, &error));
  g_assert_no_error(error);
  g_assert_false(verify(legacy, "", 0, NULL, V1_TIME, &error)); /* an empty list trusts nobody */
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED);
  g_assert_nonnull(strstr(error->message, "dstack kms add 0217610d74"));
  g_clear_error(&error);
  g_assert_false(verify("", "", 0, legacy_signer, V1_TIME, &error));
  g_assert_cmpstr(error->message, ==, "the kms's encryption key is not signed");
  g_assert_false(verify("", dated, V1_TIME, dated_signer, V1_TIME + 301, NULL));
  g_assert_false(verify("", dated, V1_TIME + 1, dated_signer, V1_TIME, NULL));
  /* A bad dated signature is not passed over for a good old one. */
  g_assert_false(verify(legacy, "00", V1_TIME, legacy_signer, V1_TIME, NULL));
  g_assert_false(verify("00", "", 0, legacy_signer, V1_TIME, NULL));
}

static void test_trust_file(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *dir = g_dir_make_tmp("dstack-cli-XXXXXX", NULL), *path = g_build_filename(dir, "x", "trust.json", NULL);
  g_autoptr(GArray) none = trust_load(path, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(none->len, ==, 0);
  guint8 signer[K256_PUBLIC_SIZE];
  g_assert_true(trust_parse_signer(legacy_signer, signer, NULL));
  g_assert_true(trust_add(none, signer));
  g_assert_false(trust_add(none, signer));
  g_assert_true(trust_save(path, none, &error));
  g_autofree char *text = file_read_text(path, 4096, NULL);
  g_assert_cmpstr(text, ==,
                  "{\n  \"trusted_signers\": [\n    "
                  "\"0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f\"\n  ]\n}");
  g_autoptr(GArray) again = trust_load(path, &error);
  g_assert_true(trust_contains(again, signer) && trust_remove(again, signer) && !trust_remove(again, signer));
  g_assert_true(file_write_atomic(path, "{\"trusted_signers\":[\"zz\"]}", 26, 0600, NULL));
  g_assert_null(trust_load(path, &error));
  g_assert_false(trust_parse_signer("04", signer, NULL));
  g_assert_true(file_remove_tree(dir, NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cli/sizes", test_sizes);
  g_test_add_func("/cli/ports", test_ports);
  g_test_add_func("/cli/env", test_env);
  g_test_add_func("/cli/compose-vector", test_compose_vector);
  g_test_add_func("/cli/env-policy", test_env_policy);
  g_test_add_func("/cli/table", test_table);
  g_test_add_func("/cli/key-signatures", test_key_signatures);
  g_test_add_func("/cli/trust-file", test_trust_file);
  return g_test_run();
}
