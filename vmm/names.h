/* Which names are let in from outside; each becomes part of a path, a URL or an option (spec: vmm 4.2, 6.2, 15). */
#pragma once

#include <glib.h>

/* [A-Za-z0-9_-]{1,64}: checked before any path is built from it. Error INVALID. */
gboolean name_check_vm_id(const char *id, GError **error);
/* 1 to 64 of ASCII letters, digits and "- _ . space @ ~ ! $ ^ ( )". */
gboolean name_check_app(const char *name, GError **error);
/* At most 64 of ASCII letters, digits and "_ - .", without "..". */
gboolean name_check_image(const char *name, GError **error);
/* The file name of an image's part: as an image name, not beginning with a dot. */
gboolean name_is_plain_file(const char *name);
/* 40 hex digits after at most one "0x". Returns them in lower case, or NULL with INVALID. */
char *name_normalize_app_id(const char *app_id, GError **error);
