/* Report data and MRCONFIGID against the vectors of the specification. */
#include "base/error.h"
#include "crypto/digest.h"
#include "fixture.h"
#include "tdx/mr_config.h"
#include "tdx/report_data.h"

#include <string.h>

#define SPKI                                                                                                           \
  "3059301306072a8648ce3d020106082a8648ce3d0301070342000419b2457dd9b8aa6446d980f136fff7812ecd6c77740eeb0e28b10d56c0c0" \
  "00"                                                                                                                 \
  "28a5b6e59dcea307d583bd1f70769e9c116df2bcfb1758a95d8613e7de1c8482c0"

static void check_report_data(const char *hash, const char *hex) {
  guint8 out[64];
  g_autoptr(GError) error = NULL;
  g_assert_true(report_data_compose(REPORT_DATA_APP_DATA, "test content", 12, hash, out, &error));
  g_assert_no_error(error);
  g_autofree char *padded = g_strdup_printf("%s%0*d", hex, (int)(128 - strlen(hex)), 0);
  assert_hex(out, sizeof out, strlen(hex) == 128 ? hex : padded);
}

static void test_report_data(void) {
  const char *sha512 =
      "7ea0b744ed5e9c0c83ff9f575668e1697652cd349f2027cdf26f918d4c53e8cd50b5ea9b449b4c3d50e20ae00ec29688"
      "d5a214e8daff8a10041f5d624dae8a01";
  check_report_data("", sha512);
  check_report_data("sha512", sha512);
  check_report_data("sha256", "278fdb367382d9d10871ebb44498a29d54e705fa8924ce0a6fe8629542fc1a65");
  check_report_data("sha384",
                    "3967015e6798cc3d90f60b0a8dd045856e33273c4118dcdf04cc40a051ef8f3c008c73fb6e89d0af961c91a3a"
                    "73efc5e");
  check_report_data("sha3-256", "bb98d4376d590cb17968d89250ac8f3d6241c9267d74995121a60766d0a6c665");
  check_report_data("sha3-384",
                    "9a1bc92ced9fae72a75d0b446894269c15d47c270829e7375f107d920e2e20fc2bba3ae0a514721e44d185f8"
                    "9bea7e78");
  check_report_data("sha3-512",
                    "dc18076a2308b0373d2417d85f62d041398a8387894bd7a46afe857a5cc951f77726fbcf9019bcc224fa11ee"
                    "0784c94035ad3669f607dcc704079faf244dc3ba");
  check_report_data("keccak256", "71d9e489e5d4046e8c1a5ef5137a88d940c77db95de9a5eadcde469c4fc50c29");
  check_report_data("keccak384",
                    "7a3b8109c495156d961a50e283f832b6e493c1d2e485030ff81978e5c7b296ad0a0be7a9db3c6b22ba4bf367"
                    "d40c0b0f");
  check_report_data("keccak512",
                    "cdf84b140204fe2ab9fe3951887170ddc9e14715b3e70ec9bed03ea72861d3687a684d4da336ca3154c8c9ae"
                    "426a5afdd97b5ddef4f50a7d4657854f96b1a3e3");
}

static void test_report_data_keys(void) {
  g_autoptr(GBytes) spki = bytes_of_hex(SPKI);
  guint8 out[64];
  report_data_ratls(spki, out);
  assert_hex(out, 64,
             "2d3a4b5a928758be8ffa0de31cbb716d1c5969c244b165c414d9dc3cadee93d8497d9d099beae3832a5f17798c18a08a8b"
             "407fdaed3b22aba002492a4402cd3b");
  g_assert_true(report_data_compose(REPORT_DATA_KMS_ROOT_CA, g_bytes_get_data(spki, NULL), g_bytes_get_size(spki), "",
                                    out, NULL));
  assert_hex(out, 64,
             "47d799723ae91c37c9a5985cdaee5888414af4737a03fa66bfb804d85028d498f66d8af1d117892ab0deecbab3719f205e"
             "c45816e43c018b51724f606d5a2e1a");
}

static void test_report_data_refused(void) {
  guint8 out[64], raw[64] = {1, 2, 3};
  g_autoptr(GError) error = NULL;
  g_assert_true(report_data_compose("ignored", raw, 64, "raw", out, NULL));
  g_assert_cmpmem(out, 64, raw, 64);
  g_assert_false(report_data_compose("x", raw, 63, "raw", out, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_clear_error(&error);
  g_assert_false(report_data_compose("x", raw, 64, "md5", out, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

/* Where the value is extended into a register of its own: sha384 of 48 zero bytes and it. */
static void check_commitment(const guint8 value[48], const char *expected) {
  guint8 preimage[96] = {0}, out[48];
  memcpy(preimage + 48, value, 48);
  digest_sha384(preimage, sizeof preimage, out);
  assert_hex(out, 48, expected);
}

static void check_mr_config(const guint8 value[48], const char *first_33_bytes) {
  g_autofree char *whole = g_strdup_printf("%s%030d", first_33_bytes, 0);
  assert_hex(value, 48, whole);
}

static void test_mr_config_vectors(void) {
  guint8 compose[32], app[20], provider[32], out[48];
  memset(compose, 0x22, 32);
  memset(app, 0x11, 20);
  mr_config_id_v1(compose, out);
  check_mr_config(out, "012222222222222222222222222222222222222222222222222222222222222222");
  mr_config_id_v2(compose, app, KEY_PROVIDER_NONE, "", 0, out);
  check_mr_config(out, "022b90c730130d4ba9f7669253e5a0fb289b5688914f8e1f81efdf97e6d1142a81");
  memset(provider, 0x44, 32);
  mr_config_id_v2(compose, app, KEY_PROVIDER_LOCAL, provider, 32, out);
  check_mr_config(out, "023a89e9764a8f1fcc14db8b77cb5745bd8c0ee5fc86b85fc503163deca8b9ef30");
  g_autoptr(GBytes) spki = bytes_of_hex(SPKI);
  mr_config_id_v2(compose, app, KEY_PROVIDER_KMS, g_bytes_get_data(spki, NULL), 91, out);
  check_mr_config(out, "026cdaaa7cdc353c1ce70fc11eaf7972fdda36dc0107b9bc34692799b0d59667f7");
  check_commitment(out,
                   "a40fa5d9652d9b22fec813d542d456cb2fecb302ac81e7691ff6b1e89c8c56d19616261c0c85143f8b24d311fe7126d9");
  memset(provider, 0x33, 32);
  mr_config_id_v2(compose, app, KEY_PROVIDER_KMS, provider, 32, out);
  check_mr_config(out, "027f2ca741da9d356026ab20ca640abf06198829a128817b091bbc9aec1ed97b60");
  mr_config_id_v2(compose, app, KEY_PROVIDER_LOCAL, provider, 32, out);
  check_mr_config(out, "0257edb6ccd079b0a63e4c612e4ac84c0ad905a481f0c8619dccdc3de87882b5ca");
}

static void expect_mr_config(const guint8 quoted[48], const guint8 compose[32], int code) {
  const guint8 app[20] = {1};
  g_autoptr(GError) error = NULL;
  gboolean passed = mr_config_id_check(quoted, compose, app, KEY_PROVIDER_KMS, "id", 2, &error);
  g_assert_cmpint(passed, ==, code < 0);
  if (code >= 0)
    g_assert_error(error, DSTACK_ERROR, code);
}

static void test_mr_config_check(void) {
  const guint8 compose[32] = {5}, other[32] = {6}, app[20] = {1}, zero[48] = {0}, v3[48] = {3}, v4[48] = {4};
  guint8 quoted[48];
  expect_mr_config(zero, compose, -1);
  mr_config_id_v1(compose, quoted);
  expect_mr_config(quoted, compose, -1);
  expect_mr_config(quoted, other, DSTACK_ERROR_UNVERIFIED);
  quoted[47] = 1;
  expect_mr_config(quoted, compose, DSTACK_ERROR_UNVERIFIED);
  mr_config_id_v2(compose, app, KEY_PROVIDER_KMS, "id", 2, quoted);
  expect_mr_config(quoted, compose, -1);
  mr_config_id_v2(compose, app, KEY_PROVIDER_LOCAL, "id", 2, quoted);
  expect_mr_config(quoted, compose, DSTACK_ERROR_UNVERIFIED);
  expect_mr_config(v3, compose, DSTACK_ERROR_UNVERIFIED);
  expect_mr_config(v4, compose, DSTACK_ERROR_UNVERIFIED);
  g_assert_cmpstr(key_provider_event_name(KEY_PROVIDER_LOCAL), ==, "local-sgx");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/report-data/vectors", test_report_data);
  g_test_add_func("/tdx/report-data/keys", test_report_data_keys);
  g_test_add_func("/tdx/report-data/refused", test_report_data_refused);
  g_test_add_func("/tdx/mr-config/vectors", test_mr_config_vectors);
  g_test_add_func("/tdx/mr-config/check", test_mr_config_check);
  return g_test_run();
}
