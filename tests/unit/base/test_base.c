/* Tests of lib/base: hex, readers, units, JSON, files, processes, configuration. */
#include "base/config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/process.h"
#include "base/reader.h"
#include "base/secret.h"
#include "base/units.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

static void test_hex(void) {
  g_autoptr(GError) error = NULL;
  g_autofree char *text = hex_encode("\x00\xab\xff", 3);
  g_assert_cmpstr(text, ==, "00abff");
  g_autoptr(GBytes) bytes = hex_decode_prefixed("0x0x00ABff", &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(bytes), ==, 3);
  g_assert_null(hex_decode("abc", 3, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_null(hex_decode("zz", 2, NULL));
  g_assert_null(hex_decode_prefixed("0X00", NULL));
}

static void test_reader(void) {
  Reader reader = reader_init("\x01\x02\x03\x04\x05", 5);
  g_assert_cmphex(reader_u16le(&reader), ==, 0x0201);
  g_assert_cmphex(reader_u16be(&reader), ==, 0x0304);
  g_assert_null(reader_take(&reader, 2));
  g_assert_cmpuint(reader_u8(&reader), ==, 0); /* stays failed though a byte is left */
  g_autoptr(GError) error = NULL;
  g_assert_false(reader_finish(&reader, "thing", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  Reader whole = reader_init("ab", 2);
  Reader inner = reader_sub(&whole, 1);
  g_assert_cmpuint(reader_u8(&inner), ==, 'a');
  g_assert_true(reader_finish(&inner, "inner", NULL));
  g_assert_false(reader_finish(&whole, "whole", NULL));
  Reader huge = reader_init("ab", 2);
  g_assert_null(reader_take(&huge, G_MAXSIZE));
}

static void test_units(void) {
  guint64 value;
  g_assert_true(units_parse_size(" 4M ", &value, NULL) && value == 4 << 20);
  g_assert_true(units_parse_size("0x10", &value, NULL) && value == 16);
  g_assert_true(units_parse_size("1 MiB", &value, NULL) && value == 1 << 20);
  g_assert_true(units_parse_size("3KiB", &value, NULL) && value == 3 << 10);
  for (const char *const *bad = (const char *const[]){"", "M", "-1", "4X", "99999999999999T", "0x", "1 MB", "iB", "1iB", "1 M", "MiB", NULL}; *bad; bad++)
    g_assert_false(units_parse_size(*bad, &value, NULL));
  g_assert_true(units_parse_duration("5m", &value, NULL) && value == 300000);
  g_assert_true(units_parse_duration("never", &value, NULL) && value == UNITS_DURATION_NEVER);
  for (const char *const *bad = (const char *const[]){"", "5", "m", "1.5s", "5ms", "-1s", NULL}; *bad; bad++)
    g_assert_false(units_parse_duration(*bad, &value, NULL));
}

static void test_escape(void) {
  g_autofree char *line = log_escape("a\nverified yes\x1b[2J\xc2\x9b\x7f gr\xc3\xbcn\t");
  g_assert_cmpstr(line, ==, "a\\x0averified yes\\x1b[2J\\x9b\\x7f gr\xc3\xbcn\\x09");
}

static json_t *parse_zeros(guint n, GError **error) {
  GString *text = g_string_new("[0");
  while (--n > 0)
    g_string_append(text, ",0");
  g_string_append_c(text, ']');
  json_t *parsed = json_parse(text->str, text->len, "x", error);
  g_string_free(text, TRUE);
  return parsed;
}

static void test_json_values(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) most = parse_zeros(65535, &error), more = parse_zeros(65536, &error);
  g_assert_nonnull(most);
  g_assert_null(more);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
}

static void test_json(void) {
  g_autoptr(GError) error = NULL;
  g_assert_null(json_parse("{\"a\":1,\"a\":2}", 13, "x", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_autofree char *deep = g_strnfill(200, '[');
  g_assert_null(json_parse(deep, 200, "x", NULL));
  g_assert_null(json_parse("{} x", 4, "x", NULL));
  const char *text = "{\"s\":\"t\",\"n\":7,\"h\":\"0xab\",\"l\":[\"p\"],\"z\":null,\"f\":1.0}";
  g_autoptr(json_t) object = json_parse(text, strlen(text), "x", &error);
  g_assert_no_error(error);
  guint64 number;
  g_assert_true(json_get_uint(object, "n", 7, &number, "x", NULL) && number == 7);
  g_assert_false(json_get_uint(object, "n", 6, &number, "x", NULL));
  g_assert_false(json_get_uint(object, "f", 6, &number, "x", NULL));
  g_assert_true(json_get_uint_or(object, "z", 3, 9, &number, "x", NULL) && number == 3);
  g_assert_null(json_get_string(object, "z", "x", &error));
  g_assert_cmpstr(error->message, ==, "x.z: expected a string, but it is missing");
  g_autoptr(GBytes) bytes = json_get_hex(object, "h", "x", NULL);
  g_assert_cmpuint(g_bytes_get_size(bytes), ==, 1);
}

static void test_file(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-base-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "a", NULL);
  g_autofree char *link = g_build_filename(dir, "l", NULL);
  g_autoptr(GError) error = NULL;
  g_assert_true(file_write_atomic(path, "hello", 5, 0600, &error));
  struct stat st;
  g_assert_cmpint(stat(path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 0777, ==, 0600);
  g_autoptr(GBytes) content = file_read(path, 5, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(content), ==, 5);
  g_assert_null(file_read(path, 4, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_clear_error(&error);
  g_assert_cmpint(symlink(path, link), ==, 0);
  g_assert_null(file_read_nofollow(link, 10, NULL));
  g_assert_null(file_read(dir, 10, NULL));
  g_autofree char *renamed = g_build_filename(dir, "renamed", NULL);
  g_assert_true(file_write_atomic(renamed, "a", 1, 0600, NULL) && file_rename_durable(renamed, path, NULL));
  g_assert_false(g_file_test(renamed, G_FILE_TEST_EXISTS));
  g_assert_false(file_rename_durable(renamed, path, NULL));
  g_assert_false(file_write_atomic("/nonexistent/x", "", 0, 0600, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_assert_true(file_remove_tree(dir, NULL));
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_process(void) {
  g_autoptr(GError) error = NULL;
  g_auto(ProcessResult) result = {0};
  const char *const cat[] = {"cat", NULL};
  g_assert_true(process_run(&(ProcessSpec){.argv = cat, .input = "abc", .input_len = 3}, &result, &error));
  g_assert_cmpstr(result.output, ==, "abc");
  const char *const sleeper[] = {"sleep", "30", NULL};
  g_auto(ProcessResult) slow = {0};
  g_assert_false(process_run(&(ProcessSpec){.argv = sleeper, .timeout_ms = 50}, &slow, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
  g_clear_error(&error);
  const char *const loud[] = {"yes", NULL};
  g_assert_false(process_run(&(ProcessSpec){.argv = loud, .max_output = 1000}, &slow, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_clear_error(&error);
  const char *const missing[] = {"no-such-program-here", NULL};
  g_assert_false(process_check(missing, NULL, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_clear_error(&error);
  const char *const failing[] = {"ls", "/nonexistent", NULL};
  g_assert_false(process_check(failing, NULL, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_IO);
}

static void test_config(void) {
  g_autofree char *dir = g_dir_make_tmp("dstack-base-XXXXXX", NULL);
  g_autofree char *path = g_build_filename(dir, "x.toml", NULL);
  g_assert_true(g_file_set_contents(path, "[core]\nname = \"b\"\n\nflag = 3\nsize = \"2K\"\n", -1, NULL));
  g_autoptr(Config) config = config_new("[core]\nname = \"a\"\nother = \"o\"\nwait = \"5s\"\n");
  g_autoptr(GError) error = NULL;
  g_assert_true(config_add_file(config, path, &error));
  const char *text;
  g_assert_true(config_get_string(config, "core.name", &text, NULL));
  g_assert_cmpstr(text, ==, "b");
  g_assert_true(config_get_string(config, "core.other", &text, NULL));
  gboolean flag;
  g_assert_false(config_get_bool(config, "core.flag", &flag, &error));
  g_autofree char *expected = g_strdup_printf("%s:4: core.flag: expected true or false", path);
  g_assert_cmpstr(error->message, ==, expected);
  g_clear_error(&error);
  guint64 value;
  g_assert_true(config_get_size(config, "core.size", &value, NULL) && value == 2048);
  g_assert_true(config_get_duration(config, "core.wait", &value, NULL) && value == 5000);
  g_assert_false(config_add_file(config, "/nonexistent.toml", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_clear_error(&error);
  g_assert_true(g_file_set_contents(path, "a = \n", -1, NULL));
  g_assert_false(config_add_file(config, path, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(file_remove_tree(dir, NULL));
}

static void test_secret(void) {
  g_autoptr(Secret) a = secret_new("abc", 3);
  g_autoptr(Secret) b = secret_copy(a);
  g_autoptr(Secret) c = secret_new_random(32);
  g_autoptr(Secret) d = secret_new_random(32);
  g_assert_true(secret_equal(a, b));
  g_assert_false(secret_equal(a, c));
  g_assert_false(secret_equal(c, d));
  g_autoptr(GBytes) bytes = secret_bytes_take(g_strdup("abc"), 3);
  g_assert_cmpmem(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), "abc", 3);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/base/hex", test_hex);
  g_test_add_func("/base/reader", test_reader);
  g_test_add_func("/base/units", test_units);
  g_test_add_func("/base/escape", test_escape);
  g_test_add_func("/base/json", test_json);
  g_test_add_func("/base/json-values", test_json_values);
  g_test_add_func("/base/file", test_file);
  g_test_add_func("/base/process", test_process);
  g_test_add_func("/base/config", test_config);
  g_test_add_func("/base/secret", test_secret);
  return g_test_run();
}
