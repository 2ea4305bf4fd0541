#include "cli/contract_show.h"

#include "base/error.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/contract_events.h"
#include "cli/terminal.h"
#include "eth/address.h"

#include <stdio.h>
#include <string.h>

#define MAX_TEXT 1024
#define MAX_KEY 256
#define MAX_LISTS 3

static const ContractList kms_lists[] = {
    {"osImages", "OsImageHashAdded(bytes32)", "OsImageHashRemoved(bytes32)"},
    {"kmsAggregatedMrs", "KmsAggregatedMrAdded(bytes32)", "KmsAggregatedMrRemoved(bytes32)"},
    {"kmsDevices", "KmsDeviceAdded(bytes32)", "KmsDeviceRemoved(bytes32)"},
};
static const ContractList app_lists[] = {
    {"composeHashes", "ComposeHashAdded(bytes32)", "ComposeHashRemoved(bytes32)"},
    {"devices", "DeviceAdded(bytes32)", "DeviceRemoved(bytes32)"},
};

/* ---- single values; each sets a member of `shown` ---- */

static gboolean show_address(Wallet *wallet, const guint8 *contract, const char *getter, json_t *shown, const char *key,
                             GError **error) {
  guint8 address[ETH_ADDRESS_SIZE];
  g_autoptr(GBytes) answer = wallet_get(wallet, contract, getter, error);
  if (!answer || !eth_abi_get_address(answer, 0, address, error))
    return FALSE;
  g_autofree char *text = eth_address_format(address);
  json_object_set_new(shown, key, json_string(text));
  return TRUE;
}

static gboolean show_text(Wallet *wallet, const guint8 *contract, const char *getter, json_t *shown, const char *key,
                          GError **error) {
  g_autoptr(GBytes) answer = wallet_get(wallet, contract, getter, error);
  g_autofree char *text = answer ? eth_abi_get_text(answer, 0, MAX_TEXT, error) : NULL;
  if (text)
    json_object_set_new(shown, key, json_string(text));
  return text != NULL;
}

static gboolean show_flag(Wallet *wallet, const guint8 *contract, const char *getter, json_t *shown, const char *key,
                          GError **error) {
  gboolean flag;
  g_autoptr(GBytes) answer = wallet_get(wallet, contract, getter, error);
  if (!answer || !eth_abi_get_bool(answer, 0, &flag, error))
    return FALSE;
  json_object_set_new(shown, key, json_boolean(flag));
  return TRUE;
}

static gboolean show_kms_key(Wallet *wallet, const guint8 *contract, json_t *shown, GError **error) {
  g_autoptr(GBytes) answer = wallet_get(wallet, contract, "kmsInfo()", error);
  g_autoptr(GBytes) key = answer ? eth_abi_get_bytes(answer, 0, MAX_KEY, error) : NULL;
  if (!key)
    return FALSE;
  g_autofree char *text = hex_encode_bytes(key);
  json_object_set_new(shown, "k256Pubkey", json_string(text));
  return TRUE;
}

/* Contracts of version 0.5.5 do not have the newer getters. */
static void show_if_there(gboolean there, GError **cause) {
  if (!there)
    g_clear_error(cause);
}

/* ---- lists ---- */

static json_t *list_to_json(const GPtrArray *values) {
  json_t *list = json_array();
  for (guint i = 0; i < values->len; i++)
    json_array_append_new(list, json_string(values->pdata[i]));
  return list;
}

/* A node without history is no failure: the rest is worth showing. */
static void show_lists(Wallet *wallet, const guint8 *contract, const ContractList *lists, gsize count, json_t *shown) {
  g_autoptr(GError) error = NULL;
  GPtrArray *values[MAX_LISTS] = {0};
  if (!contract_events_read(wallet, contract, lists, count, values, &error)) {
    fprintf(stderr, "lists are left out: %s\n", error->message);
    return;
  }
  for (gsize i = 0; i < count; i++) {
    json_object_set_new(shown, lists[i].name, list_to_json(values[i]));
    g_ptr_array_unref(values[i]);
  }
}

/* ---- printing ---- */

static void print_list(const char *name, const json_t *list) {
  gsize i;
  json_t *entry;
  printf("%s:%s\n", name, json_array_size(list) == 0 ? " none" : "");
  json_array_foreach(list, i, entry) printf("  %s\n", json_string_value(entry));
}

static void print_shown(const json_t *shown) {
  if (cli_options.json) {
    g_autofree char *text = json_print(shown);
    puts(text);
    return;
  }
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)shown, name, value) {
    if (json_is_array(value)) {
      print_list(name, value);
      continue;
    }
    g_autofree char *text = json_is_string(value) ? terminal_safe(json_string_value(value)) : json_print(value);
    printf("%s: %s\n", name, *text ? text : "not set");
  }
}

/* ---- the two contracts ---- */

static gboolean read_kms(Wallet *wallet, const guint8 *kms, json_t *shown, GError **error) {
  g_autoptr(GError) cause = NULL;
  if (!show_address(wallet, kms, "owner()", shown, "owner", error))
    return FALSE;
  show_if_there(show_address(wallet, kms, "pendingOwner()", shown, "pendingOwner", &cause), &cause);
  if (!show_address(wallet, kms, "appImplementation()", shown, "appImplementation", error) ||
      !show_text(wallet, kms, "gatewayAppId()", shown, "gatewayAppId", error) ||
      !show_kms_key(wallet, kms, shown, error))
    return FALSE;
  show_lists(wallet, kms, kms_lists, G_N_ELEMENTS(kms_lists), shown);
  return TRUE;
}

static gboolean read_app(Wallet *wallet, const guint8 *app, json_t *shown, GError **error) {
  g_autoptr(GError) cause = NULL;
  if (!show_address(wallet, app, "owner()", shown, "owner", error))
    return FALSE;
  show_if_there(show_address(wallet, app, "pendingOwner()", shown, "pendingOwner", &cause), &cause);
  if (!show_flag(wallet, app, "allowAnyDevice()", shown, "allowAnyDevice", error))
    return FALSE;
  show_if_there(show_flag(wallet, app, "requireTcbUpToDate()", shown, "requireTcbUpToDate", &cause), &cause);
  show_lists(wallet, app, app_lists, G_N_ELEMENTS(app_lists), shown);
  return TRUE;
}

/* Whether the KMS contract knows the app; only when one was named. */
static gboolean show_registered(Wallet *wallet, const guint8 app[ETH_ADDRESS_SIZE], json_t *shown, GError **error) {
  guint8 kms[ETH_ADDRESS_SIZE];
  if (!wallet_kms_contract(kms, NULL))
    return TRUE;
  GByteArray *call = g_byte_array_new();
  eth_abi_add_selector(call, "registeredApps(address)");
  eth_abi_add_address(call, app);
  g_autoptr(GBytes) data = g_byte_array_free_to_bytes(call);
  g_autoptr(GBytes) answer = wallet_read(wallet, kms, data, error);
  gboolean registered;
  if (!answer || !eth_abi_get_bool(answer, 0, &registered, error))
    return FALSE;
  json_object_set_new(shown, "registered", json_boolean(registered));
  return TRUE;
}

int contract_show_kms(void) {
  GError *error = NULL;
  guint8 kms[ETH_ADDRESS_SIZE];
  g_auto(Wallet) wallet = {0};
  g_autoptr(json_t) shown = json_object();
  if (!wallet_kms_contract(kms, &error) || !wallet_open_reading(&wallet, &error) ||
      !read_kms(&wallet, kms, shown, &error))
    return cli_fail(error);
  print_shown(shown);
  return CLI_DONE;
}

int contract_show_app(const guint8 app[ETH_ADDRESS_SIZE]) {
  GError *error = NULL;
  g_auto(Wallet) wallet = {0};
  g_autofree char *id = hex_encode(app, ETH_ADDRESS_SIZE);
  g_autoptr(json_t) shown = json_pack("{s:s}", "appId", id);
  if (!wallet_open_reading(&wallet, &error) || !read_app(&wallet, app, shown, &error) ||
      !show_registered(&wallet, app, shown, &error))
    return cli_fail(error);
  print_shown(shown);
  return CLI_DONE;
}
