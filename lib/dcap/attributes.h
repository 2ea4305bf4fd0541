/* Attributes that no TD or enclave worth trusting may have (B.11). */
#pragma once

#include "dcap/dcap.h"
#include "tdx/quote.h"

#include <glib.h>

DcapFailure dcap_check_attributes(const Quote *quote, GError **error);
