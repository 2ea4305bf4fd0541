#include "base/options.h"

gboolean options_parse(GOptionContext *context, int *argc, char ***argv, GError **error) {
  GError *reason = NULL;
  if (g_option_context_parse(context, argc, argv, &reason))
    return TRUE;
  reason->message[0] = g_ascii_tolower(reason->message[0]);
  g_propagate_error(error, reason);
  return FALSE;
}
