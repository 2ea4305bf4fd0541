/* Command lines, parsed with GLib. */
#pragma once

#include <glib.h>

/* As g_option_context_parse(), with errors that begin in lower case, as all of dstack's do. */
gboolean options_parse(GOptionContext *context, int *argc, char ***argv, GError **error);
