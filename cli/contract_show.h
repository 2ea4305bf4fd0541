/* dstack kms show, dstack app show: what a contract says now. */
#pragma once

#include "cli/wallet.h"

/* Each returns the exit status. */
int contract_show_kms(void);
int contract_show_app(const guint8 app[ETH_ADDRESS_SIZE]);
