/* Everything in a quote and its collateral that somebody signed, as bytes that can be compared. */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>

GBytes *signed_content_of_quote(const Quote *quote);
GBytes *signed_content_of_collateral(const DcapCollateral *collateral);
