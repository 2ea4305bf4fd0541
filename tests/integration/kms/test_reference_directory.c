/* A key directory as a KMS of v0.5.5 left it is served from as it is. The root CA key is that of the reference's own
 * fixture (spec: kms 4.5, vector 2), so that the keys must be those that its KMS gave out. */
#include "harness.h"

#include "base/hex.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT_SCALAR "d4f60214a61f0e651fbf97e4b2da696ac7f898f1aa9f3d1f1282c49c6c7c0a72"
#define APP_ID "ea549f02e1a25fabd1cb788380e033ec5461b2ff"
/* Of an app without instance ids. */
#define DISK_KEY "11f1de97e3c4830a456c631e372088ab015be771d253b07bee189a3209dabf65"
#define ENV_KEY "ca1a3895d9d613287fc14034d0ec60abb5089896e7c8fd7c2f02bd91fa0076aa"
#define SERIAL "53BF34D7E92B0ACD8EA487677B7B7A396AC9D9F3"
#define DOMAIN "127.0.0.1"

static void put(Kms *kms, const char *name, const void *data, gssize len) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  g_assert_true(g_file_set_contents(path, data, len, NULL));
  g_assert_cmpint(g_chmod(path, 0644), ==, 0); /* by the umask of that time */
}

static void put_key(Kms *kms, const char *name, EVP_PKEY *key) {
  g_autoptr(Secret) pem = p256_to_pem(key);
  put(kms, name, secret_peek(pem), (gssize)secret_len(pem));
}

static void put_ca(Kms *kms, const char *name, EVP_PKEY *key, const char *common_name, int path_len) {
  CertSpec spec = {.organization = "Dstack", .common_name = common_name, .ca_path_len = path_len};
  g_autoptr(X509) certificate = cert_build(&spec, key, NULL, key, NULL);
  g_autofree char *pem = cert_to_pem(certificate);
  put(kms, name, pem, -1);
}

static void write_directory(Kms *kms) {
  g_autoptr(Secret) scalar = secret_new_zero(32);
  g_assert_true(hex_decode_fixed(ROOT_SCALAR, secret_data(scalar), 32, NULL));
  g_autoptr(EVP_PKEY) root = p256_from_scalar(scalar, NULL), temp = p256_generate(), rpc = p256_generate();
  guint8 k256[32];
  memset(k256, 0x5e, sizeof k256);
  g_assert_cmpint(g_mkdir(kms->cert_dir, 0755), ==, 0);
  put_key(kms, "root-ca.key", root);
  put_key(kms, "tmp-ca.key", temp);
  put_key(kms, "rpc.key", rpc);
  put(kms, "root-k256.key", k256, sizeof k256);
  put_ca(kms, "root-ca.crt", root, "Dstack KMS CA", 1);
  put_ca(kms, "tmp-ca.crt", temp, "Dstack Client Temp CA", 0);
  put(kms, "rpc.crt", "anything: it is made anew", -1);
  put(kms, "rpc-domain", DOMAIN, -1);
  put(kms, "bootstrap-info.json", "{\"ca_pubkey\":\"3059\",\"k256_pubkey\":\"02ab\",\"quote\":\"\",\"eventlog\":\"5b5d\"}", -1);
}

static char *content(Kms *kms, const char *name) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

static void assert_mode(Kms *kms, const char *name, mode_t mode) {
  g_autofree char *path = g_build_filename(kms->cert_dir, name, NULL);
  struct stat st;
  g_assert_cmpint(stat(path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 07777, ==, mode);
}

static void assert_tightened(Kms *kms) {
  static const char *const keys[] = {"root-ca.key", "tmp-ca.key", "rpc.key", "root-k256.key", NULL};
  for (const char *const *name = keys; *name; name++)
    assert_mode(kms, *name, 0600);
  assert_mode(kms, ".", 0700);
  g_autofree char *log = kms_log(kms);
  g_assert_nonnull(strstr(log, "root-ca.key had mode 0644, set to 0600"));
}

static void assert_secret(const Secret *secret, const char *expected) {
  g_autofree char *hex = hex_encode(secret_peek(secret), secret_len(secret));
  g_assert_cmpstr(hex, ==, expected);
}

static void assert_serves(Kms *kms) {
  guint8 app_id[20];
  g_assert_true(hex_decode_fixed(APP_ID, app_id, sizeof app_id, NULL));
  g_autoptr(TdxPlatform) platform = kms_client_platform_of(kms, app_id, 0, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, &error);
  g_assert_no_error(error);
  assert_secret(keys->disk_crypt_key, DISK_KEY);
  assert_secret(keys->env_crypt_key, ENV_KEY);
  g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
  g_autoptr(PrpcMessage) meta = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
  const Kms__BootstrapResponse *info = ((const Kms__GetMetaResponse *)meta)->bootstrap_info;
  g_assert_cmpmem(info->eventlog.data, info->eventlog.len, "[]", 2);
}

static void test_taken_over(void) {
  g_autoptr(Kms) kms = kms_new();
  write_directory(kms);
  g_autofree char *before = content(kms, "root-ca.crt");
  kms_configure(kms, "enabled = true", NULL, NULL); /* the domain is that of the directory */
  kms_start(kms);
  assert_tightened(kms);
  assert_serves(kms);
  g_autofree char *after = content(kms, "root-ca.crt");
  g_assert_cmpstr(before, ==, after);
  g_autoptr(X509) ca = cert_from_pem(after, strlen(after), NULL);
  BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(ca), NULL);
  char *hex = BN_bn2hex(serial);
  g_assert_cmpstr(hex, ==, SERIAL);
  OPENSSL_free(hex);
  BN_free(serial);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/reference-directory/taken-over", test_taken_over);
  return g_test_run();
}
