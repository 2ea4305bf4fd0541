/* The exact text of a member: signatures of collateral cover the bytes as they were delivered. */
#pragma once

#include <glib.h>

/* Cuts the value of `key` out of `text`, which must be one JSON object without duplicate members. Error INVALID: it is
 * not, or has no such member in its plain spelling. `*value` leads into `text`. */
gboolean dcap_json_cut(const char *text, gsize len, const char *key, const char *what, const char **value,
                       gsize *value_len, GError **error);
