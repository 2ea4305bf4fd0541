/* The sub-commands of dstack-util, one file each (spec: guest-os 15). `argv[0]` is the command's name. */
#pragma once

#include <glib.h>

typedef gboolean (*CommandRun)(int argc, char **argv, GError **error);

gboolean command_setup(int argc, char **argv, GError **error);
gboolean command_notify_host(int argc, char **argv, GError **error);
gboolean command_extend(int argc, char **argv, GError **error);
gboolean command_show(int argc, char **argv, GError **error);
gboolean command_quote(int argc, char **argv, GError **error);
gboolean command_rand(int argc, char **argv, GError **error);
gboolean command_audit(int argc, char **argv, GError **error);
gboolean command_hex(int argc, char **argv, GError **error);
gboolean command_remove_orphans(int argc, char **argv, GError **error);
gboolean command_gateway_refresh(int argc, char **argv, GError **error);

/* Parses a command's options; `arguments` names the positional ones in the help, NULL for none. Errors: unknown
 * options, and positional arguments where there are none. */
gboolean command_parse(int *argc, char ***argv, const GOptionEntry *entries, const char *arguments, const char *summary,
                       GError **error);
/* Error INVALID "missing option --<name>" for a NULL value. */
gboolean command_require(const char *value, const char *name, GError **error);
/* Writes everything to standard output. */
gboolean command_print(const void *data, gsize len, GError **error);
/* Reads standard input, at most `max` bytes. Error TOO_LARGE. */
GBytes *command_read_input(gsize max, GError **error);
