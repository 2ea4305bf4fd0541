#include "cli/contract_change.h"

#include "base/error.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "eth/address.h"

#include <string.h>

#define MAX_TEXT 1024

const ContractChange *contract_change_find(const ContractChange *changes, gsize count, const char *verb) {
  for (gsize i = 0; i < count; i++)
    if (strcmp(changes[i].verb, verb) == 0)
      return &changes[i];
  return NULL;
}

char *contract_change_help(const ContractChange *changes, gsize count) {
  GString *out = g_string_new(NULL);
  for (gsize i = 0; i < count; i++) {
    g_autofree char *call = g_strjoin(" ", changes[i].verb, changes[i].value, NULL);
    g_string_append_printf(out, "  %-34s %s\n", call, changes[i].does);
  }
  return g_string_free(out, FALSE);
}

gboolean contract_parse_hash(const char *text, guint8 out[ETH_WORD_SIZE], const char *what, GError **error) {
  const char *digits = g_str_has_prefix(text, "0x") ? text + 2 : text;
  if (hex_decode_fixed(digits, out, ETH_WORD_SIZE, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected 64 hexadecimal digits", what);
  return FALSE;
}

static gboolean add_switch(GByteArray *call, const char *value, GError **error) {
  gboolean on = strcmp(value, "on") == 0;
  if (on || strcmp(value, "off") == 0) {
    eth_abi_add_uint(call, on ? 1 : 0);
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "'%s': expected on or off", value);
  return FALSE;
}

static gboolean add_text(GByteArray *call, const char *value, GError **error) {
  gsize len = strlen(value);
  if (len > MAX_TEXT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "text of at most %d bytes was expected", MAX_TEXT);
    return FALSE;
  }
  eth_abi_add_uint(call, ETH_WORD_SIZE);
  eth_abi_add_bytes(call, value, len);
  return TRUE;
}

static gboolean add_value(GByteArray *call, const ContractChange *change, const char *value, GError **error) {
  guint8 word[ETH_WORD_SIZE];
  switch (change->kind) {
  case VALUE_NONE:
    return TRUE;
  case VALUE_HASH:
    if (!contract_parse_hash(value, word, change->value, error))
      return FALSE;
    eth_abi_add_word(call, word);
    return TRUE;
  case VALUE_ADDRESS:
    if (!eth_address_parse(value, word, change->value, error))
      return FALSE;
    eth_abi_add_address(call, word);
    return TRUE;
  case VALUE_TEXT:
    return add_text(call, value, error);
  case VALUE_SWITCH:
    return add_switch(call, value, error);
  }
  g_return_val_if_reached(FALSE);
}

GBytes *contract_change_encode(const ContractChange *change, const char *value, GError **error) {
  g_autoptr(GByteArray) call = g_byte_array_new();
  eth_abi_add_selector(call, change->function);
  if (!add_value(call, change, value, error))
    return NULL;
  return g_byte_array_free_to_bytes(g_steal_pointer(&call));
}

static gboolean send(const ContractChange *change, const guint8 contract[ETH_ADDRESS_SIZE], const char *value,
                     GError **error) {
  g_autoptr(GBytes) call = contract_change_encode(change, value, error);
  g_auto(Wallet) wallet = {0};
  if (!call || !wallet_open_signing(&wallet, error))
    return FALSE;
  g_autofree char *joined = g_strjoin(" ", change->does, value, NULL);
  g_autofree char *what = terminal_safe(joined);
  g_autoptr(json_t) receipt = wallet_send(&wallet, contract, call, what, error);
  return receipt != NULL;
}

int contract_change_run(const ContractChange *change, const guint8 contract[ETH_ADDRESS_SIZE], int argc, char **argv) {
  if (argc != (change->kind == VALUE_NONE ? 0 : 1))
    return cli_usage(change->value ? "expected %s %s" : "expected nothing after %s", change->verb, change->value);
  GError *error = NULL;
  return send(change, contract, argc == 1 ? argv[0] : NULL, &error) ? CLI_DONE : cli_fail(error);
}
