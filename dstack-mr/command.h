/* The commands of dstack-mr: one file each (spec: measurement 8). */
#pragma once

#include <glib.h>

#define EXIT_DONE 0
#define EXIT_FAILED 1
#define EXIT_WRONG_USAGE 2

/* argv[0] is the command's name. Return the exit status; errors are printed. */
int measure_command(int argc, char **argv);
int diagnose_command(int argc, char **argv);
int inspect_command(int argc, char **argv);
int document_command(int argc, char **argv);

/* Parses `entries` and what stands between them; prints what is wrong. */
gboolean command_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *parameters,
                       const char *summary, const char *description);
int command_failed(const GError *error);
int command_usage(const char *why);
/* Writes to standard output; EXIT_FAILED when that fails (a full disk behind a redirection). */
int command_write(const void *data, gsize len);
