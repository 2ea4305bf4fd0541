/* The first check of a quote: is it of a kind that is verified here at all? (A.2) */
#pragma once

#include "dcap/dcap.h"
#include "tdx/quote.h"

#include <glib.h>

/* Version, key type and vendor of a parsed quote; TDX means version 4 or 5, SGX version 3. */
DcapFailure dcap_header_check(const Quote *quote, GError **error);
/* Parses a quote, telling what is malformed from what is not supported. */
DcapFailure dcap_quote_parse(GBytes *raw, Quote **out, GError **error);
