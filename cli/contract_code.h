/* Compiled contracts, as forge writes them. */
#pragma once

#include <glib.h>

/* The code that makes contract `name`, out of DIR/<name>.sol/<name>.json. `dir` NULL means DSTACK_CONTRACTS, else
 * kms/auth-eth/build/forge. Error NOT_FOUND tells how to build them. */
GBytes *contract_code_load(const char *dir, const char *name, GError **error);
