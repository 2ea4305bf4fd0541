#include "bytes.h"
#include "dstack/dstack.h"

#include <glib.h>
#include <string.h>

static dstack_key make_key(const char *hex) {
  dstack_key key = {0};
  g_assert_true(hex_decode_to(hex, key.key, sizeof key.key));
  return key;
}

static void test_vectors(void) {
  static const char *const vectors[][3] = {
      {"6244639c307e3d12a313dc49dbe310d4e0b833b15c346749ea96a4b9226e33b9", "0x95d8399a8a90e4807d254cd26b4cff08b992bf10",
       "dba98a47245a51706a1cffb6bf08434f2bf12e8c1ec4165623083d3532dd0154"},
      {"6f01d732740cf8cad20aaa706904913c6d973cf4914e8f758ecd4ef46106ec4f", "0xe3edfe0d432d5e71f3876f19b34ae947e38d6536",
       "23f8cd576887e7db0f3508b068d1b28090f33894d810035277d514b76ae25a3b"},
      {"765300f5c141da0ab392051882277435c13a0dc152b0d60045d89c4cd9977235", "0xd65652874f4f4ae6d2cb6536973c73cf4eee8cd0",
       "808c2a81769e9e9042465474263060bc559ee8336546f7acf73fead09b18bd03"},
      {"887aa52486cdf9e94508e406e4f1dd8300a3781530e4dc5a8be22ca4821d7e3e", "0xdc49e11425e268d8fa4d0d169c11605072c9291d",
       "6ee67df2b6f35f357943f9dc27cc03ae5c3f9c39189d5affaa50a9ddd5e5dbd8"},
      {"73556950d8a18be6887481699ebb92f720167eb6f28ad3048b78f1f9666fdd95", "0x08c3c7ce6020783a6a11688932cebff19218a69f",
       "69877008e7f1eadf63ac93222f2aef28444b25903d18fd0c7b8221dababa1550"},
  };
  for (guint i = 0; i < G_N_ELEMENTS(vectors); i++) {
    dstack_key key = make_key(vectors[i][0]);
    dstack_ethereum_account account;
    dstack_solana_keypair pair;
    g_assert_cmpint(dstack_to_ethereum_account(&key, &account, NULL), ==, DSTACK_OK);
    g_autofree char *lower = g_ascii_strdown(account.address_text, -1);
    g_assert_cmpstr(lower, ==, vectors[i][1]);
    g_assert_cmpmem(account.private_key, 32, key.key, 32);
    g_assert_cmpint(dstack_to_solana_keypair(&key, &pair, NULL), ==, DSTACK_OK);
    g_autofree char *public_key = hex_encode(pair.public_key, sizeof pair.public_key);
    g_assert_cmpstr(public_key, ==, vectors[i][2]);
    g_assert_cmpmem(pair.secret_key, 32, key.key, 32);
    g_assert_cmpmem(pair.secret_key + 32, 32, pair.public_key, 32);
    dstack_ethereum_account_clear(&account);
    dstack_solana_keypair_clear(&pair);
  }
}

/* The address of the scalar 1, as it is printed everywhere. */
static void test_checksum(void) {
  dstack_key key = make_key("0000000000000000000000000000000000000000000000000000000000000001");
  dstack_ethereum_account account;
  g_assert_cmpint(dstack_to_ethereum_account(&key, &account, NULL), ==, DSTACK_OK);
  g_assert_cmpstr(account.address_text, ==, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
}

static void test_bad_scalars(void) {
  static const char *const bad[] = {"0000000000000000000000000000000000000000000000000000000000000000",
                                    "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"};
  for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
    dstack_key key = make_key(bad[i]);
    dstack_ethereum_account account;
    g_assert_cmpint(dstack_to_ethereum_account(&key, &account, NULL), ==, DSTACK_INVALID);
  }
}

static void test_tls_key_scalar(void) {
  static char pem[] = "-----BEGIN PRIVATE KEY-----\n"
                      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs\n"
                      "OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip\n"
                      "goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1\n"
                      "-----END PRIVATE KEY-----\n";
  uint8_t scalar[32], expected[32];
  g_assert_cmpint(dstack_tls_key_scalar(&(dstack_tls_key){.key = pem}, scalar, NULL), ==, DSTACK_OK);
  g_assert_true(hex_decode_to("082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8", expected, 32));
  g_assert_cmpmem(scalar, 32, expected, 32);
  static char empty[] = "";
  g_assert_cmpint(dstack_tls_key_scalar(&(dstack_tls_key){.key = empty}, scalar, NULL), ==, DSTACK_INVALID);
  pem[40] = '!';
  g_assert_cmpint(dstack_tls_key_scalar(&(dstack_tls_key){.key = pem}, scalar, NULL), ==, DSTACK_INVALID);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/sdk-c/accounts/vectors", test_vectors);
  g_test_add_func("/sdk-c/accounts/checksum", test_checksum);
  g_test_add_func("/sdk-c/accounts/bad-scalars", test_bad_scalars);
  g_test_add_func("/sdk-c/accounts/tls-key-scalar", test_tls_key_scalar);
  return g_test_run();
}
