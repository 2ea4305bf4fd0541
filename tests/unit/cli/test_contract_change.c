/* Changes of contracts as call data. Vectors: spec contracts 6 E. */
#include "cli/contract_change.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

#define MR "286261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64"

static const ContractChange changes[] = {
    {"register-app", "registerApp(address)", VALUE_ADDRESS, "CONTRACT", "register"},
    {"add-mr", "addKmsAggregatedMr(bytes32)", VALUE_HASH, "MR", "allow"},
    {"set-gateway", "setGatewayAppId(string)", VALUE_TEXT, "APP-ID", "name"},
    {"any-device", "setAllowAnyDevice(bool)", VALUE_SWITCH, "on|off", "turn"},
    {"disable-upgrades", "disableUpgrades()", VALUE_NONE, NULL, "keep"},
};

static void assert_call(const char *verb, const char *value, const char *expected) {
  g_autoptr(GError) error = NULL;
  const ContractChange *change = contract_change_find(changes, G_N_ELEMENTS(changes), verb);
  g_autoptr(GBytes) call = contract_change_encode(change, value, &error);
  g_assert_no_error(error);
  g_autofree char *hex = hex_encode_bytes(call);
  g_assert_cmpstr(hex, ==, expected);
}

static void test_vectors(void) {
  assert_call("register-app", "0xEA549F02e1a25FaBD1CB788380e033eC5461b2ff",
              "17a1d80f000000000000000000000000ea549f02e1a25fabd1cb788380e033ec5461b2ff");
  assert_call("add-mr", "0x" MR, "3e32d346" MR);
  assert_call("add-mr", MR, "3e32d346" MR);
  assert_call("disable-upgrades", NULL, "ec669036");
  assert_call("any-device", "on", "7c4beeb80000000000000000000000000000000000000000000000000000000000000001");
  assert_call("any-device", "off", "7c4beeb80000000000000000000000000000000000000000000000000000000000000000");
  assert_call("set-gateway", "any",
              "3971db27"
              "0000000000000000000000000000000000000000000000000000000000000020"
              "0000000000000000000000000000000000000000000000000000000000000003"
              "616e790000000000000000000000000000000000000000000000000000000000");
}

static void assert_refused(const char *verb, const char *value) {
  g_autoptr(GError) error = NULL;
  const ContractChange *change = contract_change_find(changes, G_N_ELEMENTS(changes), verb);
  g_assert_null(contract_change_encode(change, value, &error));
  g_assert_nonnull(error);
}

/* A value that is not whole is a mistake, not a number to be padded. */
static void test_refusals(void) {
  static const char *const no_hashes[] = {
      "", "0x", "12", MR "00", "0x0x" MR, "zz" MR, "g86261fff4fcaa1e418aa50a7fcbcee70549a7ec70bf22ce9d8bf2711e5a8d64"};
  for (guint i = 0; i < G_N_ELEMENTS(no_hashes); i++)
    assert_refused("add-mr", no_hashes[i]);
  assert_refused("register-app", "0xEA549F02e1a25FaBD1CB788380e033eC5461b2fF");
  assert_refused("register-app", MR);
  assert_refused("any-device", "yes");
  g_autofree char *long_text = g_strnfill(1025, 'x');
  assert_refused("set-gateway", long_text);
}

static void test_help(void) {
  g_autofree char *help = contract_change_help(changes, G_N_ELEMENTS(changes));
  g_assert_nonnull(strstr(help, "  add-mr MR "));
  g_assert_nonnull(strstr(help, "  disable-upgrades "));
  g_assert_null(contract_change_find(changes, G_N_ELEMENTS(changes), "add"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/cli/contract-change/vectors", test_vectors);
  g_test_add_func("/cli/contract-change/refusals", test_refusals);
  g_test_add_func("/cli/contract-change/help", test_help);
  return g_test_run();
}
