/* Tests of lib/appkeys: the .appkeys.json file (spec: guest-os 7.6). */
#include "appkeys/appkeys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "unit/crypto/vectors.h"

#include <string.h>
#include <sys/stat.h>

#define KEY "1122e1f340c19407adc5ec531ac98d72bcf702bf7858f6fa49b5be79b61e4d5b"
#define SIGNATURE                                                                                                      \
  "2f431c7956869a4fe3e028c5f9518a935e2d01e81a3628f8b1d178fc2fac7b6d2405ace433624e5568e23c4ed291dbaf60dac79b756837c0fe" \
  "7"                                                                                                                  \
  "45154ebfdc0a601"

typedef struct {
  char *directory, *path;
} Place;

static void set_up(Place *place, gconstpointer unused) {
  (void)unused;
  place->directory = g_dir_make_tmp("dstack-appkeys-XXXXXX", NULL);
  place->path = g_build_filename(place->directory, "keys.json", NULL);
}

static void tear_down(Place *place, gconstpointer unused) {
  (void)unused;
  g_assert_true(file_remove_tree(place->directory, NULL));
  g_free(place->path);
  g_free(place->directory);
}

/* A file with one member replaced by this JSON text, or left out when it is NULL. */
static char *file_text(const char *member, const char *value) {
  const char *const members[][2] = {
      {"disk_crypt_key", "\"" KEY "\""},
      {"env_crypt_key", "\"" KEY "\""},
      {"k256_key", "\"" KEY "\""},
      {"k256_signature", "\"" SIGNATURE "\""},
      {"gateway_app_id", "\"any\""},
      {"ca_cert", "\"PEM\\n\""},
      {"key_provider",
       "{\"Kms\":{\"url\":\"https://k/prpc\",\"pubkey\":\"aabb\",\"tmp_ca_key\":\"K\",\"tmp_ca_cert\":\"C\"}}"},
  };
  GString *text = g_string_new("{");
  for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
    const char *at = strcmp(member, members[i][0]) == 0 ? value : members[i][1];
    if (at)
      g_string_append_printf(text, "%s\"%s\":%s", text->len > 1 ? "," : "", members[i][0], at);
  }
  return g_string_free(g_string_append_c(text, '}'), FALSE);
}

static AppKeys *load(Place *place, const char *text, GError **error) {
  g_assert_true(g_file_set_contents(place->path, text, -1, NULL));
  return app_keys_load(place->path, error);
}

static void test_kms(Place *place, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_autofree char *text = file_text("", NULL);
  g_autoptr(AppKeys) first = load(place, text, &error);
  g_assert_no_error(error);
  g_assert_true(app_keys_save(first, place->path, &error));
  struct stat info;
  g_assert_cmpint(stat(place->path, &info), ==, 0);
  g_assert_cmpint(info.st_mode & 0777, ==, 0600);
  g_autofree char *saved = file_read_text(place->path, 1 << 20, NULL);
  g_assert_cmpstr(saved, ==, text);
  g_autoptr(AppKeys) keys = app_keys_load(place->path, &error);
  g_assert_no_error(error);
  g_assert_cmpint(keys->kind, ==, KEY_PROVIDER_KMS);
  assert_secret_hex(keys->disk_crypt_key, KEY);
  assert_secret_hex(keys->env_crypt_key, KEY);
  assert_secret_hex(keys->k256_key, KEY);
  assert_bytes_hex(keys->k256_signature, SIGNATURE);
  g_assert_cmpstr(keys->gateway_app_id, ==, "any");
  g_assert_cmpstr(keys->ca_cert, ==, "PEM\n");
  g_assert_cmpstr(keys->kms_url, ==, "https://k/prpc");
  g_assert_cmpmem(secret_peek(keys->tmp_ca_key_pem), secret_len(keys->tmp_ca_key_pem), "K", 1);
  g_assert_cmpstr(keys->tmp_ca_cert, ==, "C");
  g_autoptr(GBytes) id = app_keys_provider_id(keys);
  assert_bytes_hex(id, "aabb");
}

static void assert_kind(Place *place, const char *provider, KeyProviderKind kind, const char *id_hex) {
  g_autoptr(GError) error = NULL;
  g_autofree char *text = file_text("key_provider", provider);
  g_autoptr(AppKeys) keys = load(place, text, &error);
  g_assert_no_error(error);
  g_assert_cmpint(keys->kind, ==, kind);
  g_assert_cmpmem(secret_peek(keys->ca_key_pem), secret_len(keys->ca_key_pem), "PEM", 3);
  g_autoptr(GBytes) id = app_keys_provider_id(keys);
  assert_bytes_hex(id, id_hex);
  g_assert_true(app_keys_save(keys, place->path, &error));
  g_autofree char *saved = file_read_text(place->path, 1 << 20, NULL);
  g_assert_cmpstr(saved, ==, text);
}

static void test_other_providers(Place *place, gconstpointer unused) {
  (void)unused;
  assert_kind(place, "{\"None\":{\"key\":\"PEM\"}}", KEY_PROVIDER_NONE, "");
  assert_kind(place, "{\"Local\":{\"key\":\"PEM\",\"mr\":\"4444\"}}", KEY_PROVIDER_LOCAL, "4444");
}

static void test_optional(Place *place, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  const char *const absent[] = {NULL, "null", "\"\""};
  for (gsize i = 0; i < G_N_ELEMENTS(absent); i++) {
    g_autofree char *text = file_text("env_crypt_key", absent[i]);
    g_autoptr(AppKeys) keys = load(place, text, &error);
    g_assert_no_error(error);
    g_assert_null(keys->env_crypt_key);
  }
  g_autofree char *text = file_text("k256_signature", "\"\"");
  g_autoptr(AppKeys) unsigned_keys = load(place, text, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(g_bytes_get_size(unsigned_keys->k256_signature), ==, 0);
}

static void test_refuses(Place *place, gconstpointer unused) {
  (void)unused;
  const char *const bad[][2] = {
      {"disk_crypt_key", NULL},
      {"disk_crypt_key", "\"aa\""},
      {"disk_crypt_key", "\"\""},
      {"disk_crypt_key", "7"},
      {"env_crypt_key", "\"aa\""},
      {"env_crypt_key", "7"},
      {"k256_key", NULL},
      {"k256_key", "\"zz22e1f340c19407adc5ec531ac98d72bcf702bf7858f6fa49b5be79b61e4d5b\""},
      {"k256_signature", NULL},
      {"k256_signature", "\"00\""},
      {"gateway_app_id", NULL},
      {"ca_cert", "null"},
      {"key_provider", NULL},
      {"key_provider", "null"},
      {"key_provider", "\"None\""},
      {"key_provider", "{}"},
      {"key_provider", "{\"Other\":{}}"},
      {"key_provider", "{\"None\":{}}"},
      {"key_provider", "{\"None\":7}"},
      {"key_provider", "{\"None\":{\"key\":\"K\"},\"Local\":{\"key\":\"K\",\"mr\":\"\"}}"},
      {"key_provider", "{\"Local\":{\"key\":\"K\"}}"},
      {"key_provider", "{\"Kms\":{\"url\":\"u\",\"pubkey\":\"zz\",\"tmp_ca_key\":\"K\",\"tmp_ca_cert\":\"C\"}}"},
      {"key_provider", "{\"Kms\":{\"url\":\"u\",\"pubkey\":\"aa\",\"tmp_ca_cert\":\"C\"}}"},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GError) error = NULL;
    g_autofree char *text = file_text(bad[i][0], bad[i][1]);
    g_assert_null(load(place, text, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_null(strstr(error->message, "22e1f340")); /* no key in an error */
  }
  g_autoptr(GError) error = NULL;
  g_autofree char *tpm = file_text("key_provider", "{\"Tpm\":{\"key\":\"K\",\"pubkey\":\"\"}}");
  g_assert_null(load(place, tpm, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED);
}

static void test_broken_files(Place *place, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  g_assert_null(app_keys_load(place->path, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_autofree char *text = file_text("", NULL);
  for (gsize cut = 0; cut < strlen(text); cut += 7) {
    g_autofree char *part = g_strndup(text, cut);
    g_assert_null(load(place, part, NULL));
  }
  g_assert_null(load(place, "[]", NULL));
}

#define ADD(path, function) g_test_add(path, Place, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  ADD("/appkeys/file/kms", test_kms);
  ADD("/appkeys/file/other-providers", test_other_providers);
  ADD("/appkeys/file/optional", test_optional);
  ADD("/appkeys/file/refuses", test_refuses);
  ADD("/appkeys/file/broken", test_broken_files);
  return g_test_run();
}
