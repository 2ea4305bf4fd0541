/* Tests of lib/eth: ABI, addresses, numbers. Vectors: spec contracts 6. */
#include "base/error.h"
#include "base/hex.h"
#include "eth/abi.h"
#include "eth/address.h"

#include <string.h>

#define ZEROS_62 "00000000000000000000000000000000000000000000000000000000000000"
#define WORD(digits) ZEROS_62 digits

static GBytes *unhex(const char *text) {
  g_autoptr(GError) error = NULL;
  GBytes *bytes = hex_decode(text, strlen(text), &error);
  g_assert_no_error(error);
  return bytes;
}

static void assert_hex(const GByteArray *data, const char *expected) {
  g_autofree char *hex = hex_encode(data->data, data->len);
  g_assert_cmpstr(hex, ==, expected);
}

static void test_selectors(void) {
  static const struct {
    const char *signature, *selector;
  } vectors[] = {
      {"gatewayAppId()", "95f51931"},
      {"appImplementation()", "25a992da"},
      {"registerApp(address)", "17a1d80f"},
      {"addComposeHash(bytes32)", "dfc77223"},
      {"setKmsInfo((bytes,bytes,bytes,bytes))", "7d025352"},
      {"isAppAllowed((address,bytes32,address,bytes32,bytes32,bytes32,bytes32,string,string[]))", "1e079198"},
      {"deployAndRegisterApp(address,bool,bool,bool,bytes32,bytes32)", "9cb9c31f"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    g_autoptr(GByteArray) out = g_byte_array_new();
    eth_abi_add_selector(out, vectors[i].signature);
    assert_hex(out, vectors[i].selector);
  }
}

static void test_encoding(void) {
  g_autoptr(GByteArray) out = g_byte_array_new();
  const guint8 address[ETH_ADDRESS_SIZE] = {0x11, [19] = 0x22};
  eth_abi_add_uint(out, 0x1234);
  eth_abi_add_address(out, address);
  eth_abi_add_bytes(out, "abc", 3);
  eth_abi_add_bytes(out, NULL, 0);
  assert_hex(out, "0000000000000000000000000000000000000000000000000000000000001234"
                  "0000000000000000000000001100000000000000000000000000000000000022"
                  "0000000000000000000000000000000000000000000000000000000000000003"
                  "6162630000000000000000000000000000000000000000000000000000000000"
                  "0000000000000000000000000000000000000000000000000000000000000000");
  g_assert_cmpuint(eth_abi_padded(0), ==, 0);
  g_assert_cmpuint(eth_abi_padded(1), ==, 32);
  g_assert_cmpuint(eth_abi_padded(32), ==, 32);
  g_assert_cmpuint(eth_abi_padded(33), ==, 64);
}

static void test_decoding(void) {
  g_autoptr(GBytes) answer =
      unhex(WORD("20") WORD("2a") "3078333234363762343342466136373237334643376444646130393939456539"
                                  "4131324632416141303800000000000000000000000000000000000000000000");
  g_autoptr(GError) error = NULL;
  g_autofree char *text = eth_abi_get_text(answer, 0, 100, &error);
  g_assert_no_error(error);
  g_assert_cmpstr(text, ==, "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08");
  g_assert_null(eth_abi_get_text(answer, 0, 41, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_autoptr(GBytes) not_text =
      unhex(WORD("20") WORD("04") "6100ff6200000000000000000000000000000000000000000000000000000000");
  g_autofree char *valid = eth_abi_get_text(not_text, 0, 100, NULL);
  g_assert_true(g_utf8_validate(valid, -1, NULL));
  g_assert_true(g_str_has_prefix(valid, "a"));
}

static void test_bad_answers(void) {
  static const char *const bad[] = {
      "",
      "00",
      WORD("20"),
      WORD("21") WORD("00") WORD("00"),
      WORD("40") WORD("00"),
      WORD("20") WORD("01"),
      WORD("20") WORD("21") WORD("00"),
      "ff" ZEROS_62 WORD("00"),
      "00000000000000000000000000000000000000000000000000000001000000"
      "00" WORD("00"),
      WORD("20") "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
      "000000000000000000000000000000000000000000000000ffffffffffffffe0" WORD("00"),
      WORD("20") "000000000000000000000000000000000000000000000000ffffffffffffffff" WORD("00"),
  };
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) answer = unhex(bad[i]);
    g_autoptr(GError) error = NULL;
    g_assert_null(eth_abi_get_bytes(answer, 0, 4096, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

static void test_bad_words(void) {
  gboolean flag;
  guint64 number;
  guint8 address[ETH_ADDRESS_SIZE];
  g_autoptr(GBytes) two = unhex(WORD("02"));
  g_autoptr(GBytes) high = unhex("80" ZEROS_62);
  g_assert_false(eth_abi_get_bool(two, 0, &flag, NULL));
  g_assert_false(eth_abi_get_bool(two, 1, &flag, NULL));
  g_assert_false(eth_abi_get_bool(high, 0, &flag, NULL));
  g_assert_false(eth_abi_get_uint(high, 0, &number, NULL));
  g_assert_false(eth_abi_get_address(high, 0, address, NULL));
  g_assert_false(eth_abi_get_uint(two, G_MAXSIZE, &number, NULL));
  g_assert_true(eth_abi_get_uint(two, 0, &number, NULL));
  g_assert_cmpuint(number, ==, 2);
}

static void test_reverts(void) {
  g_autoptr(GBytes) text =
      unhex("08c379a0" WORD("20") WORD("0e") "496e76616c696420617070204944000000000000000000000000000000000000");
  g_autoptr(GBytes) owner = unhex("118cdaa7" WORD("01"));
  g_autoptr(GBytes) unknown = unhex("01020304");
  g_autoptr(GBytes) broken = unhex("08c379a0" WORD("ff"));
  g_autoptr(GBytes) brief = unhex("08c3");
  g_autofree char *first = eth_abi_revert_reason(text), *second = eth_abi_revert_reason(owner);
  g_assert_cmpstr(first, ==, "Invalid app ID");
  g_assert_cmpstr(second, ==, "OwnableUnauthorizedAccount: the signer is not the owner");
  g_assert_null(eth_abi_revert_reason(unknown));
  g_assert_null(eth_abi_revert_reason(broken));
  g_assert_null(eth_abi_revert_reason(brief));
}

static void test_addresses(void) {
  static const char *const right[] = {"0xEA549F02e1a25FaBD1CB788380e033eC5461b2ff",
                                      "0x32467b43BFa67273FC7dDda0999Ee9A12F2AaA08",
                                      "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"};
  guint8 address[ETH_ADDRESS_SIZE];
  for (guint i = 0; i < G_N_ELEMENTS(right); i++) {
    g_assert_true(eth_address_parse(right[i], address, "test", NULL));
    g_autofree char *text = eth_address_format(address);
    g_assert_cmpstr(text, ==, right[i]);
    g_autofree char *lower = g_ascii_strdown(right[i] + 2, -1);
    g_assert_true(eth_address_parse(lower, address, "test", NULL));
  }
  static const char *const wrong[] = {"",
                                      "0x",
                                      "0xEA549F02e1a25FaBD1CB788380e033eC5461b2fF",
                                      "0xEA549F02e1a25FaBD1CB788380e033eC5461b2f",
                                      "0xEA549F02e1a25FaBD1CB788380e033eC5461b2ff0",
                                      "0xzz549f02e1a25fabd1cb788380e033ec5461b2ff",
                                      " 0xea549f02e1a25fabd1cb788380e033ec5461b2ff",
                                      "0x0xea549f02e1a25fabd1cb788380e033ec5461b2"};
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
    g_autoptr(GError) error = NULL;
    g_assert_false(eth_address_parse(wrong[i], address, "test", &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  }
}

static void test_quantities(void) {
  guint64 value;
  g_assert_true(eth_quantity_parse("0x0", &value, "test", NULL));
  g_assert_cmpuint(value, ==, 0);
  g_assert_true(eth_quantity_parse("0xffffffffffffffff", &value, "test", NULL));
  g_assert_cmpuint(value, ==, G_MAXUINT64);
  g_autofree char *zero = eth_quantity_format(0), *some = eth_quantity_format(0x1f4);
  g_assert_cmpstr(zero, ==, "0x0");
  g_assert_cmpstr(some, ==, "0x1f4");
  static const char *const wrong[] = {"",    "0x", "1",  "0x01", "0x-1", "0x+1", "0x 1", "0x1ffffffffffffffff",
                                      "0xg", "x1", "0X1"};
  for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
    g_assert_false(eth_quantity_parse(wrong[i], &value, "test", NULL));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/eth/abi/selectors", test_selectors);
  g_test_add_func("/eth/abi/encoding", test_encoding);
  g_test_add_func("/eth/abi/decoding", test_decoding);
  g_test_add_func("/eth/abi/bad-answers", test_bad_answers);
  g_test_add_func("/eth/abi/bad-words", test_bad_words);
  g_test_add_func("/eth/abi/reverts", test_reverts);
  g_test_add_func("/eth/addresses", test_addresses);
  g_test_add_func("/eth/quantities", test_quantities);
  return g_test_run();
}
