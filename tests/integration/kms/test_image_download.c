/* A KMS that downloads images: its verifier process does that under its own user and system call filter. */
#include "double.h"
#include "harness.h"
#include "tar.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"
#include "google/protobuf/empty.pb-c.h"
#include "kms.pb-c.h"
#include "verifier/sample/image.h"

#include <string.h>
#include <unistd.h>

#define ADMIN_TOKEN "an operator's token"

static const char *const image_files[] = {"ovmf.fd", "bzImage", "initramfs.cpio.gz", "metadata.json", "sha256sum.txt"};

static GBytes *make_archive(Kms *kms, guint8 hash[32]) {
  g_autofree char *dir = g_build_filename(kms->dir, "sample-image", NULL);
  g_autoptr(GPtrArray) contents = g_ptr_array_new_with_free_func(g_free);
  TarMember members[G_N_ELEMENTS(image_files)];
  g_assert_true(sample_image_write(dir, "1.0.0", hash, NULL));
  for (guint i = 0; i < G_N_ELEMENTS(image_files); i++) {
    g_autofree char *path = g_build_filename(dir, image_files[i], NULL);
    char *content;
    gsize len;
    g_assert_true(g_file_get_contents(path, &content, &len, NULL));
    g_ptr_array_add(contents, content);
    members[i] = (TarMember){image_files[i], '0', content, len, NULL};
  }
  return tar_gz(members, G_N_ELEMENTS(members));
}

static void configure_download(Kms *kms, const char *url) {
  g_autofree char *path = g_build_filename(kms->dir, "kms.toml", NULL), *text = NULL;
  kms_configure(kms, NULL, NULL, "");
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_auto(GStrv) around = g_strsplit(text, "[core.image]\n", 2);
  g_assert_nonnull(around[1]);
  guint8 digest[32];
  digest_sha256(ADMIN_TOKEN, strlen(ADMIN_TOKEN), digest);
  g_autofree char *token_hash = hex_encode(digest, sizeof digest);
  g_autofree char *with =
      g_strconcat(around[0], "admin_token_hash = \"", token_hash, "\"\n[core.image]\ndownload_url = \"", url,
                  "\"\ndownload_timeout = \"3s\"\n", around[1], NULL);
  g_assert_true(g_file_set_contents(path, with, -1, NULL));
}

static void get_app_key_fails(PrpcClient *client, const char *vm_config, const char *why) {
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.api_version = 1;
  request.vm_config = (char *)vm_config;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, &error);
  g_assert_null(answer);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static PrpcMessage *clear(PrpcClient *client, const char *token, const char *image_hash, GError **error) {
  Kms__ClearImageCacheRequest request = KMS__CLEAR_IMAGE_CACHE_REQUEST__INIT;
  request.token = (char *)token;
  request.image_hash = (char *)image_hash;
  return prpc_client_call(client, "ClearImageCache", &request.base, &google__protobuf__empty__descriptor, error);
}

static void clear_fails(PrpcClient *client, const char *token, const char *image_hash, const char *why) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = clear(client, token, image_hash, &error);
  g_assert_null(answer);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static void clear_images(PrpcClient *client, const char *image_hash) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = clear(client, ADMIN_TOKEN, image_hash, &error);
  g_assert_no_error(error);
}

static char *vm_config_of(const char *hash) {
  return g_strdup_printf("{\"os_image_hash\":\"%s\",\"cpu_count\":1,\"memory_size\":2147483648}", hash);
}

static void test_download(void) {
  g_autoptr(Double) server = double_new();
  g_autoptr(Kms) kms = kms_new();
  guint8 hash[32];
  g_autoptr(GBytes) archive = make_archive(kms, hash);
  g_autofree char *name = hex_encode(hash, sizeof hash), *vm_config = vm_config_of(name);
  g_autofree char *dir = g_build_filename(kms->image_cache, "images", name, NULL);
  g_autofree char *other = vm_config_of("3333333333333333333333333333333333333333333333333333333333333333");
  configure_download(kms, double_url(server));
  kms_start(kms);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(kms, platform);
  double_serve(server, SERVE_404, NULL);
  get_app_key_fails(client, other, "the server answers 404");
  /* The image comes, and is measured: the CVM runs another one. */
  double_serve(server, SERVE_GOOD, archive);
  get_app_key_fails(client, vm_config, "mrs do not match: MRTD mismatch");
  g_assert_true(g_file_test(dir, G_FILE_TEST_IS_DIR));
  guint requests = double_requests(server);
  get_app_key_fails(client, vm_config, "mrs do not match: MRTD mismatch");
  g_assert_cmpuint(double_requests(server), ==, requests);
  clear_fails(client, "wrong", "all", "invalid token");
  clear_fails(client, ADMIN_TOKEN, "../images", "invalid cache key");
  clear_images(client, name);
  g_assert_false(g_file_test(dir, G_FILE_TEST_EXISTS));
  get_app_key_fails(client, vm_config, "mrs do not match: MRTD mismatch");
  g_assert_cmpuint(double_requests(server), ==, requests + 1);
  g_autofree char *staging = g_build_filename(kms->image_cache, "images", "tmp", NULL);
  g_autoptr(GDir) leftovers = g_dir_open(staging, 0, NULL);
  g_assert_null(g_dir_read_name(leftovers));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/image-download", test_download);
  return g_test_run();
}
