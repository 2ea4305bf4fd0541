/* GUIDs in the byte order of EFI. */
#pragma once

#include <glib.h>

/* `text` is the program's own and well-formed. */
void guid_parse(const char *text, guint8 out[16]);
gboolean guid_is(const guint8 *at, const char *text);
