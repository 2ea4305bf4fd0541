/* Changes of a contract that take at most one value: nearly all of governance is of this shape. */
#pragma once

#include "cli/wallet.h"

typedef enum { VALUE_NONE, VALUE_HASH, VALUE_ADDRESS, VALUE_TEXT, VALUE_SWITCH } ValueKind;

typedef struct {
  const char *verb;
  const char *function; /* of the contract, canonical */
  ValueKind kind;
  const char *value; /* its name in the usage, such as "HASH" */
  const char *does;  /* completes "about to": "allow the compose file" */
} ContractChange;

const ContractChange *contract_change_find(const ContractChange *changes, gsize count, const char *verb);
/* One line for each, for a verb's help. Newly allocated. */
char *contract_change_help(const ContractChange *changes, gsize count);
/* Makes the change; `argv` is what stands after the verb. Returns the exit status. */
int contract_change_run(const ContractChange *change, const guint8 contract[ETH_ADDRESS_SIZE], int argc, char **argv);
/* Call data of the change, or NULL with *error. */
GBytes *contract_change_encode(const ContractChange *change, const char *value, GError **error);
/* 32 bytes of 64 hex digits, "0x" optional; shorter values are no hashes. */
gboolean contract_parse_hash(const char *text, guint8 out[ETH_WORD_SIZE], const char *what, GError **error);
