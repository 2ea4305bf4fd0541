/* Is it the collateral's fault when a quote does not verify? */
#pragma once

#include "dcap/dcap.h"

/* TRUE when `collateral` is complete, genuine, current and about the quote's platform, whatever it then says about it.
 * FALSE sets *failure and an error. The quote must have passed dcap_precheck(). */
gboolean dcap_collateral_usable(const DcapCollateral *collateral, const Quote *quote, const DcapOptions *options,
                                DcapFailure *failure, GError **error);
