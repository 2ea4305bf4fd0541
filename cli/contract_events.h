/* What a contract's lists hold, put together from its events. The contracts themselves can only say whether one value
 * is on a list. */
#pragma once

#include "cli/wallet.h"

/* A list that grows by one event and shrinks by another, each with one 32-byte value. */
typedef struct {
  const char *name;
  const char *added, *removed; /* canonical signatures; `removed` may be NULL */
} ContractList;

/* The values now on each list, in the order they came: an array of "0x" texts for each of `lists`. Error UNAVAILABLE
 * when the node does not give a contract's whole history. */
gboolean contract_events_read(Wallet *wallet, const guint8 contract[ETH_ADDRESS_SIZE], const ContractList *lists,
                              gsize count, GPtrArray **out, GError **error);
