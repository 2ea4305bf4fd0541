/* JSON forms that all kinds of TCB levels share. */
#pragma once

#include "dcap/dcap.h"

#include <glib.h>
#include <jansson.h>

/* A required array member of at most `max` items. Borrowed. */
const json_t *dcap_json_get_array(const json_t *object, const char *key, gsize max, const char *what, GError **error);
/* "tcbStatus" and "advisoryIDs" (absent: none). The array's elements are char*. */
gboolean dcap_level_decode_status(const json_t *level, TcbStatus *status, GPtrArray **advisory_ids, const char *what,
                                  GError **error);
