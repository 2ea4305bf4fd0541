/* Tests of the encrypted environment: envelope, rules, and the two files. */
#include "base/error.h"
#include "base/hex.h"
#include "crypto/envelope.h"
#include "env_file.h"

#include <string.h>

static char *allowed_names[] = {"A", "B", "TOKEN", "_x1", NULL};

static EnvMap *parse(const char *json, GError **error) { return env_parse(json, strlen(json), allowed_names, error); }

static Secret *key_of(const char *hex) {
  g_autoptr(GBytes) raw = hex_decode(hex, strlen(hex), NULL);
  return secret_new(g_bytes_get_data(raw, NULL), g_bytes_get_size(raw));
}

/* The spec's vector decrypts to an array, which is transport only: the envelope opens, the rules refuse it. */
static void test_vector(void) {
  g_autoptr(Secret) key = key_of("7c282bf94b35dc47801dc953bfa0896fc2bd313381d3e8eca4e42f6536d2a96f");
  const char *hex =
      "0bd18749612f4c8b9dd583c7d6a646b90abd34e3c731a7708d0caf9039095641e1f0948e775f0b7351788db7f246d518069546"
      "26dcccb6a60d64665ca3715c6bef75616cab476d27bba04080361200d6a58cec";
  g_autoptr(GBytes) envelope = hex_decode(hex, strlen(hex), NULL);
  g_autoptr(Secret) plain = envelope_open(key, g_bytes_get_data(envelope, NULL), g_bytes_get_size(envelope), NULL);
  g_assert_cmpmem(secret_peek(plain), secret_len(plain), "[{\"key\":\"\",\"value\":\"\"}]", 23);
  g_autoptr(GError) error = NULL;
  g_assert_null(env_decrypt(key, envelope, allowed_names, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_sealed(void) {
  g_autoptr(Secret) key = secret_new_random(X25519_SIZE);
  guint8 public_key[X25519_SIZE];
  x25519_public(secret_peek(key), public_key);
  const char *json =
      "{\"env\":[{\"key\":\"TOKEN\",\"value\":\"s3cret\"},{\"key\":\"PATH\",\"value\":\"/evil\"}],\"more\":1}";
  g_autoptr(GBytes) envelope = envelope_seal(public_key, json, strlen(json), NULL);
  g_autoptr(GTree) map = env_decrypt(key, envelope, allowed_names, NULL);
  g_assert_cmpint(g_tree_nnodes(map), ==, 1);
  g_assert_cmpstr(g_tree_lookup(map, "TOKEN"), ==, "s3cret");
  gsize len;
  g_autofree guint8 *broken = g_bytes_unref_to_data(g_steal_pointer(&envelope), &len);
  broken[len - 1] ^= 1;
  g_autoptr(GBytes) damaged = g_bytes_new(broken, len);
  g_autoptr(GBytes) cut = g_bytes_new(broken, 43);
  g_assert_null(env_decrypt(key, damaged, allowed_names, NULL));
  g_assert_null(env_decrypt(key, cut, allowed_names, NULL));
}

static void test_nothing(void) {
  g_autoptr(Secret) key = secret_new_random(X25519_SIZE);
  g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
  g_autoptr(GTree) without_file = env_decrypt(key, NULL, allowed_names, NULL);
  g_autoptr(GTree) without_content = env_decrypt(key, nothing, allowed_names, NULL);
  g_autoptr(GBytes) some = g_bytes_new("x", 1);
  g_autoptr(GTree) without_key = env_decrypt(NULL, some, allowed_names, NULL);
  g_assert_cmpint(g_tree_nnodes(without_file) + g_tree_nnodes(without_content) + g_tree_nnodes(without_key), ==, 0);
  g_autoptr(Secret) short_key = secret_new_random(31);
  g_assert_null(env_decrypt(short_key, some, allowed_names, NULL));
}

static void test_rules(void) {
  g_autoptr(GTree) later_wins =
      parse("{\"env\":[{\"key\":\"A\",\"value\":\"1\"},{\"key\":\"A\",\"value\":\"2\"}]}", NULL);
  g_assert_cmpstr(g_tree_lookup(later_wins, "A"), ==, "2");
  static const char *const bad[] = {"",
                                    "{}",
                                    "[]",
                                    "{\"env\":{}}",
                                    "{\"env\":[1]}",
                                    "{\"env\":[{\"key\":\"A\"}]}",
                                    "{\"env\":[{\"key\":\"A\",\"value\":1}]}",
                                    "{\"env\":[{\"key\":\"A\",\"value\":\"a\\u0000b\"}]}"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_null(parse(bad[i], NULL));
}

static void test_names(void) {
  static char *const names[] = {"", "1A", "A-B", "A B", "A=B", "\xc3\xa4"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    char *allowed[] = {names[i], NULL};
    g_autofree char *json = g_strdup_printf("{\"env\":[{\"key\":\"%s\",\"value\":\"v\"}]}", names[i]);
    g_assert_null(env_parse(json, strlen(json), allowed, NULL));
    g_autoptr(GTree) skipped = parse(json, NULL); /* not allowed: skipped before its name is judged */
    g_assert_cmpint(g_tree_nnodes(skipped), ==, 0);
  }
}

static void test_limits(void) {
  g_autofree char *value = g_strnfill(128 * 1024 + 1, 'v');
  g_autofree char *too_long = g_strdup_printf("{\"env\":[{\"key\":\"A\",\"value\":\"%s\"}]}", value);
  g_assert_null(parse(too_long, NULL));
  value[128 * 1024] = '\0';
  g_autoptr(GString) items = g_string_new("{\"env\":[");
  for (guint i = 0; i < 9; i++) /* duplicates count too: 9 times 128 KiB is over 1 MiB */
    g_string_append_printf(items, "%s{\"key\":\"A\",\"value\":\"%s\"}", i ? "," : "", value);
  g_string_append(items, "]}");
  g_assert_null(parse(items->str, NULL));
  g_autoptr(GString) many = g_string_new("{\"env\":[");
  for (guint i = 0; i < 1025; i++)
    g_string_append_printf(many, "%s{\"key\":\"A\",\"value\":\"\"}", i ? "," : "");
  g_string_append(many, "]}");
  g_assert_null(parse(many->str, NULL));
  g_autofree char *name = g_strnfill(256, 'n');
  char *allowed[] = {name, NULL};
  g_autofree char *long_name = g_strdup_printf("{\"env\":[{\"key\":\"%s\",\"value\":\"\"}]}", name);
  g_assert_null(env_parse(long_name, strlen(long_name), allowed, NULL));
}

static void assert_line(const char *value, const char *expected) {
  g_autoptr(GTree) map = env_map_new();
  g_tree_replace(map, g_strdup("A"), g_strdup(value));
  g_autoptr(Secret) lines = env_file_lines(map);
  g_assert_cmpmem(secret_peek(lines), secret_len(lines), expected, strlen(expected));
}

static void test_quoting(void) {
  assert_line("", "A=\n");
  assert_line("plain-1.2/3:4@x=y", "A=plain-1.2/3:4@x=y\n");
  assert_line("two words", "A=\"two words\"\n");
  assert_line("it's", "A=\"it's\"\n");
  assert_line("a\nb", "A=\"a\\nb\"\n");
  assert_line("say \"hi\"", "A=\"say \\\"hi\\\"\"\n");
  assert_line("$HOME `id`", "A=\"\\$HOME \\`id\\`\"\n");
  assert_line("back\\slash", "A=\"back\\\\slash\"\n");
  assert_line("a;b", "A=\"a;b\"\n");
  assert_line("x\rB=y", "A=\"x\rB=y\"\n");
  for (char control = 1; control < ' '; control++) {
    const char value[] = {'x', control, 'B', '=', 'y', '\0'};
    g_autofree char *quoted = g_strdup_printf("A=\"x%cB=y\"\n", control);
    assert_line(value, control == '\n' ? "A=\"x\\nB=y\"\n" : quoted);
  }
  assert_line("del\x7f", "A=\"del\x7f\"\n");
}

static void test_files_sorted(void) {
  g_autoptr(GTree) map = parse("{\"env\":[{\"key\":\"_x1\",\"value\":\"3\"},{\"key\":\"B\",\"value\":\"2\"},"
                               "{\"key\":\"A\",\"value\":\"\xc3\xa4\"}]}",
                               NULL);
  g_autoptr(Secret) lines = env_file_lines(map);
  g_autoptr(Secret) json = env_file_json(map);
  g_assert_cmpmem(secret_peek(lines), secret_len(lines), "A=\xc3\xa4\nB=2\n_x1=3\n", 15);
  const char *expected = "{\"A\":\"\xc3\xa4\",\"B\":\"2\",\"_x1\":\"3\"}";
  g_assert_cmpmem(secret_peek(json), secret_len(json), expected, strlen(expected));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/env/vector", test_vector);
  g_test_add_func("/env/sealed", test_sealed);
  g_test_add_func("/env/nothing", test_nothing);
  g_test_add_func("/env/rules", test_rules);
  g_test_add_func("/env/names", test_names);
  g_test_add_func("/env/limits", test_limits);
  g_test_add_func("/env/quoting", test_quoting);
  g_test_add_func("/env/sorted", test_files_sorted);
  return g_test_run();
}
