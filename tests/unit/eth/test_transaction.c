/* Tests of lib/eth: RLP and signed transactions. The signed ones were made with Foundry's `cast mktx`. */
#include "base/error.h"
#include "base/hex.h"
#include "eth/address.h"
#include "eth/rlp.h"
#include "eth/transaction.h"

#include <string.h>

#define KEY "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"

static Secret *test_key(void) {
  Secret *key = secret_new_zero(32);
  g_assert_true(hex_decode_fixed(KEY, secret_data(key), 32, NULL));
  return key;
}

static void assert_rlp(GByteArray *out, const char *expected) {
  g_autofree char *hex = hex_encode(out->data, out->len);
  g_assert_cmpstr(hex, ==, expected);
  g_byte_array_set_size(out, 0);
}

static void test_rlp(void) {
  g_autoptr(GByteArray) out = g_byte_array_new();
  rlp_add_bytes(out, "dog", 3);
  assert_rlp(out, "83646f67");
  rlp_add_bytes(out, NULL, 0);
  assert_rlp(out, "80");
  rlp_add_bytes(out, "\x7f", 1);
  assert_rlp(out, "7f");
  rlp_add_bytes(out, "\x80", 1);
  assert_rlp(out, "8180");
  rlp_add_bytes(out, "\0", 1);
  assert_rlp(out, "00");
  rlp_add_uint(out, 0);
  rlp_add_uint(out, 15);
  rlp_add_uint(out, 1024);
  assert_rlp(out, "800f820400");
  rlp_add_number(out, (const guint8 *)"\0\0\x81", 3);
  assert_rlp(out, "8181");
  rlp_add_bytes(out, "Lorem ipsum dolor sit amet, consectetur adipisicing elit", 56);
  g_assert_cmpuint(out->data[0], ==, 0xb8);
  g_assert_cmpuint(out->data[1], ==, 56);
  g_byte_array_set_size(out, 0);
  g_autofree guint8 *large = g_malloc0(1024);
  rlp_add_bytes(out, large, 1024);
  g_assert_cmpmem(out->data, 3, "\xb9\x04\x00", 3);
}

static void test_rlp_lists(void) {
  g_autoptr(GByteArray) items = g_byte_array_new();
  g_autoptr(GByteArray) out = g_byte_array_new();
  rlp_add_list(out, items);
  assert_rlp(out, "c0");
  rlp_add_bytes(items, "cat", 3);
  rlp_add_bytes(items, "dog", 3);
  rlp_add_list(out, items);
  assert_rlp(out, "c88363617483646f67");
  for (guint i = 0; i < 20; i++)
    rlp_add_bytes(items, "dog", 3);
  rlp_add_list(out, items);
  g_assert_cmpmem(out->data, 2, "\xf8\x58", 2);
}

static void assert_signed(const EthTransaction *transaction, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Secret) key = test_key();
  guint8 hash[32];
  g_autoptr(GBytes) bytes = eth_transaction_sign(transaction, key, hash, &error);
  g_assert_no_error(error);
  g_autofree char *hex = hex_encode_bytes(bytes);
  g_assert_cmpstr(hex, ==, expected);
}

static void test_call(void) {
  guint8 to[ETH_ADDRESS_SIZE];
  g_assert_true(eth_address_parse("0x5FbDB2315678afecb367f032d93F642f64180aa3", to, "to", NULL));
  static const char data[] = "06a3ae9664f0d1545cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867ede00c88add7a";
  g_autoptr(GBytes) bytes = hex_decode(data, strlen(data), NULL);
  const EthTransaction transaction = {.chain_id = 31337,
                                      .nonce = 5,
                                      .max_priority_fee = 1000000000,
                                      .max_fee = 2000000007,
                                      .gas_limit = 100000,
                                      .to = to,
                                      .data = bytes};
  assert_signed(
      &transaction,
      "02f891827a6905843b9aca008477359407830186a0945fbdb2315678afecb367f032d93f642f64180aa380a406a3ae9664f0d154"
      "5cd510a8dfed7ad609d105b5d41f0cb2afcfdda8867ede00c88add7ac080a0bc3d1f3cf7b985a833415483a16dda762afe240e"
      "676cbb3ebc8f2b4cea40cac0a05f87b84b7020fe96bac8bf428fe7baaaedf2b8e8bc0d4bf5ff0acc9878a4ee99");
}

static void test_creation(void) {
  g_autoptr(GBytes) bytes = g_bytes_new("\x60\0", 2);
  const EthTransaction transaction = {.chain_id = 1, .max_fee = 1, .gas_limit = 21000, .data = bytes};
  assert_signed(
      &transaction,
      "02f850018080018252088080826000c080a058895dea1760009c4d8422fd7681dc50c290678fc5d2313f2793f6ad4dd3fe50a021"
      "6fd8f15ad88dbfcd29bcacda95213e5543d1a3504dba7a0bacb5ca0b4cb8c7");
}

static void test_accounts(void) {
  g_autoptr(Secret) key = test_key();
  guint8 account[ETH_ADDRESS_SIZE], contract[ETH_ADDRESS_SIZE];
  g_assert_true(eth_address_of_key(key, account, NULL));
  g_autofree char *text = eth_address_format(account);
  g_assert_cmpstr(text, ==, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
  eth_address_of_contract(account, 0, contract);
  g_autofree char *first = eth_address_format(contract);
  g_assert_cmpstr(first, ==, "0x5FbDB2315678afecb367f032d93F642f64180aa3");
  g_autoptr(Secret) zero = secret_new_zero(32);
  g_autoptr(GError) error = NULL;
  g_assert_false(eth_address_of_key(zero, account, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/eth/rlp/items", test_rlp);
  g_test_add_func("/eth/rlp/lists", test_rlp_lists);
  g_test_add_func("/eth/transaction/call", test_call);
  g_test_add_func("/eth/transaction/creation", test_creation);
  g_test_add_func("/eth/accounts", test_accounts);
  return g_test_run();
}
