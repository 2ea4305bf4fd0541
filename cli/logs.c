#include "cli/cli.h"
#include "cli/client.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_LINES 20
#define MAX_REFUSAL 512

static const char teach[] = "Prints what a VM wrote to its console, without control characters.\n\n"
                            "  dstack logs -f web                follow it; end with Ctrl-C\n"
                            "  dstack logs web --channel stderr  why QEMU itself ended";

typedef struct {
  const int *status;
  GString *refusal; /* what was said with a status other than 200 */
} Sink;

static gboolean take_piece(const void *data, gsize len, gpointer user_data) {
  Sink *sink = user_data;
  if (*sink->status == 200)
    return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
  g_string_append_len(sink->refusal, data, (gssize)MIN(len, MAX_REFUSAL));
  return sink->refusal->len < MAX_REFUSAL;
}

static gboolean stream(const char *id, int lines, gboolean follow, const char *channel, GError **error) {
  g_autoptr(PrpcClient) client = cli_connect("", error);
  if (!client)
    return FALSE;
  int status = 0;
  g_autoptr(GString) refusal = g_string_new(NULL);
  Sink sink = {&status, refusal};
  g_autofree char *path =
      g_strdup_printf("/logs?id=%s&lines=%d&follow=%s&ansi=false&ch=%s", id, lines, follow ? "true" : "false", channel);
  if (!prpc_client_stream(client, path, take_piece, &sink, &status, error))
    return FALSE;
  if (status == 200)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to get logs: status %d: %s", status,
              g_strchomp(refusal->str));
  return FALSE;
}

int cli_logs(int argc, char **argv) {
  gint lines = DEFAULT_LINES;
  gboolean follow = FALSE;
  g_autofree char *channel = NULL;
  const GOptionEntry entries[] = {
      {"lines", 'n', 0, G_OPTION_ARG_INT, &lines, "begin with the last N lines (20)", "N"},
      {"follow", 'f', 0, G_OPTION_ARG_NONE, &follow, "go on as more is written", NULL},
      {"channel", 0, 0, G_OPTION_ARG_STRING, &channel, "serial (the console), stdout or stderr (of QEMU)", "CHANNEL"},
      {NULL}};
  if (!cli_parse(&argc, &argv, entries, "VM", teach))
    return CLI_USAGE;
  static const char *const channels[] = {"serial", "stdout", "stderr", NULL};
  if (argc != 2)
    return cli_usage("expected the name or id of one VM");
  if (lines < 0 || (channel && !g_strv_contains(channels, channel)))
    return cli_usage(lines < 0 ? "--lines: expected a number from 0 on" : "--channel: expected serial, stdout or stderr");
  GError *error = NULL;
  g_autofree char *id = cli_find_vm(argv[1], &error);
  if (id && stream(id, lines, follow, channel ? channel : "serial", &error))
    return CLI_DONE;
  return cli_fail(error);
}
