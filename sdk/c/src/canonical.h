/* Canonical JSON: members sorted by code point, no white space, minimal escapes, numbers as ECMAScript prints them. */
#pragma once

#include "dstack/dstack.h"

#include <jansson.h>

/* The text of `value`, to be freed. DSTACK_INVALID for integers that not every JSON implementation holds, and too deep.
 */
dstack_status canonical_print(const json_t *value, char **text, dstack_error *error);
