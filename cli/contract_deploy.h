/* Putting code on a chain, and behind a proxy that is there already. */
#pragma once

#include "cli/wallet.h"

/* Sends code that makes a contract; `what` completes "about to". `out` gets its address. */
gboolean contract_deploy(Wallet *wallet, GBytes *code, const char *what, guint8 out[ETH_ADDRESS_SIZE], GError **error);
/* The same for the compiled contract `name` in `dir` (NULL: the default of contract_code_load()). */
gboolean contract_deploy_named(Wallet *wallet, const char *dir, const char *name, guint8 out[ETH_ADDRESS_SIZE],
                               GError **error);
/* dstack kms upgrade, dstack app upgrade: puts `implementation` (NULL: deploys `name` out of `dir` first) behind a
 * proxy. Returns the exit status. */
int contract_upgrade(const guint8 proxy[ETH_ADDRESS_SIZE], const char *name, const char *dir,
                     const char *implementation);
