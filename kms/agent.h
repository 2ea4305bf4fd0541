/* Evidence about this KMS itself, from the guest agent of the CVM it runs in (spec: kms 6). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>

/* The text that callers of a KMS send as vm_config. Error INVALID when the agent knows none. */
char *agent_get_vm_config(GError **error);

/* Asks the agent at DSTACK_AGENT_ADDRESS (default unix:/var/run/dstack/dstack.sock, or the older
 * unix:/var/run/dstack.sock). */
gboolean agent_get_quote(const guint8 report_data[TDX_REPORT_DATA_SIZE], GBytes **quote, GBytes **event_log,
                         GError **error);
