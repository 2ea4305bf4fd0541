/* JSON strings. */
#pragma once

#include <glib.h>

/* Appends `text` (NULL counts as "") quoted, with all but printable ASCII escaped: a client that counts characters
 * where it should count bytes then still reads the whole answer. Bytes that are not UTF-8 become U+FFFD. */
void prpc_json_append_string(GString *out, const char *text);
