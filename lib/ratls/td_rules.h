/* What a TD must be for its evidence to count, whatever DCAP verification has said (spec: attestation B.11). */
#pragma once

#include "tdx/quote.h"

/* Not debuggable, its TDX module signed by Intel, no service TD bound. Error UNVERIFIED. */
gboolean ratls_check_td(const TdReport *td, GError **error);
