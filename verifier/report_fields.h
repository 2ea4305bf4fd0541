/* The fields of a quote's report by name, each as the hex of its bytes (spec: attestation A.3, A.4). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>
#include <jansson.h>

/* Every field in the order of the layout. New reference. */
json_t *report_fields(const Quote *quote);
