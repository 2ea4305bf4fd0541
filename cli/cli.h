/* What the verbs of `dstack` share: options, the connection, and how results and errors are told.
 *
 * Exit status: 0 done, 1 it failed (one line "error: ..." on standard error), 2 wrong usage. */
#pragma once

#include <glib.h>

#define CLI_DONE 0
#define CLI_FAILED 1
#define CLI_USAGE 2

/* Options every verb takes; also allowed before the verb. */
typedef struct {
  char *url;      /* --url, else DSTACK_VMM_URL, else the default */
  gboolean json;  /* --json */
} CliOptions;

extern CliOptions cli_options;

/* Parses a verb's options: its own `entries` and those above. Arguments that are no options stay in *argv after [0].
 * `usage` is what stands after "dstack <verb>", `teach` the text below it. FALSE after having told the mistake. */
gboolean cli_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *usage, const char *teach);
/* Reports wrong usage and returns CLI_USAGE. */
int cli_usage(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Reports a failure and returns CLI_FAILED. Takes the error. */
int cli_fail(GError *error);

/* The verbs: each one file of its name. argv[0] is the verb. They return the exit status. */
int cli_app(int argc, char **argv);
int cli_compose(int argc, char **argv);
int cli_deploy(int argc, char **argv);
int cli_images(int argc, char **argv);
int cli_inspect(int argc, char **argv);
int cli_kms(int argc, char **argv);
int cli_list(int argc, char **argv);
int cli_logs(int argc, char **argv);
int cli_remove(int argc, char **argv);
int cli_start(int argc, char **argv);
int cli_stop(int argc, char **argv);
