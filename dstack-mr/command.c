#include "command.h"

#include "base/options.h"

#include <stdio.h>

gboolean command_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *parameters,
                       const char *summary, const char *description) {
  g_autofree char *name = g_strconcat("dstack-mr ", (*argv)[0], NULL);
  g_set_prgname(name);
  g_autoptr(GError) error = NULL;
  g_autoptr(GOptionContext) context = g_option_context_new(parameters);
  g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_set_summary(context, summary);
  g_option_context_set_description(context, description);
  if (options_parse(context, argc, argv, &error))
    return TRUE;
  (void)command_usage(error->message);
  return FALSE;
}

int command_failed(const GError *error) {
  (void)fprintf(stderr, "dstack-mr: %s\n", error->message);
  return EXIT_FAILED;
}

int command_usage(const char *why) {
  (void)fprintf(stderr, "dstack-mr: %s (see dstack-mr --help)\n", why);
  return EXIT_WRONG_USAGE;
}

int command_write(const void *data, gsize len) {
  if (fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0)
    return EXIT_DONE;
  (void)fprintf(stderr, "dstack-mr: failed to write to standard output\n");
  return EXIT_FAILED;
}
