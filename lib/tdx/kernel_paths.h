/* Where the kernel's interfaces are: their usual place, or one that the environment names. */
#pragma once

#include <glib.h>

/* The value of `variable`, else `fallback`; *given tells which. To be freed with g_free(). Error INVALID unless the
 * variable holds an absolute path below 240 characters. */
char *kernel_path(const char *variable, const char *fallback, gboolean *given, GError **error);
