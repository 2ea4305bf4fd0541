#include "cli/cli.h"

#include "base/options.h"

#include <stdio.h>

CliOptions cli_options;

gboolean cli_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *usage, const char *teach) {
  const GOptionEntry common[] = {
      {"url", 0, 0, G_OPTION_ARG_STRING, &cli_options.url, "the VMM: http://HOST:PORT or unix:/PATH (or DSTACK_VMM_URL)", "URL"},
      {"json", 'j', 0, G_OPTION_ARG_NONE, &cli_options.json, "print JSON for machines", NULL},
      {NULL}};
  g_autofree char *verb = g_strdup_printf("dstack %s", (*argv)[0]);
  g_set_prgname(verb);
  g_autoptr(GOptionContext) context = g_option_context_new(usage);
  g_option_context_set_summary(context, teach);
  if (entries)
    g_option_context_add_main_entries(context, entries, NULL);
  g_option_context_add_main_entries(context, common, NULL);
  g_autoptr(GError) error = NULL;
  if (options_parse(context, argc, argv, &error))
    return TRUE;
  (void)cli_usage("%s", error->message);
  return FALSE;
}

int cli_usage(const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  fprintf(stderr, "error: %s\nsee %s --help\n", text, g_get_prgname());
  return CLI_USAGE;
}

int cli_fail(GError *error) {
  fprintf(stderr, "error: %s\n", error->message);
  g_error_free(error);
  return CLI_FAILED;
}
