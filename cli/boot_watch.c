#include "cli/boot_watch.h"

#include "cli/client.h"
#include "cli/terminal.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS 300
#define CONSOLE_LINES 20
#define STAGE_EVENT "boot.progress"

typedef struct {
  gint64 began;
  gboolean talk;
  guint64 last_timestamp; /* of the events shown: the VMM keeps only the last few */
  char *last_stage;
} Watch;

static void watch_clear(Watch *watch) { g_clear_pointer(&watch->last_stage, g_free); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Watch, watch_clear)

static double elapsed(const Watch *watch) { return (double)(g_get_monotonic_time() - watch->began) / G_USEC_PER_SEC; }

static void show_stage(Watch *watch, const char *stage) {
  if (!*stage || g_strcmp0(stage, watch->last_stage) == 0)
    return;
  g_free(watch->last_stage);
  watch->last_stage = g_strdup(stage);
  g_autofree char *safe = terminal_safe(stage);
  if (watch->talk)
    fprintf(stderr, "%7.1f s  %s\n", elapsed(watch), safe);
}

/* Short stages are seen in the events, though nobody asked while they lasted. */
static void show_progress(Watch *watch, const Vmm__VmInfo *info) {
  for (gsize i = 0; i < info->n_events; i++) {
    const Vmm__GuestEvent *event = info->events[i];
    if (event->timestamp <= watch->last_timestamp)
      continue;
    watch->last_timestamp = event->timestamp;
    if (strcmp(event->event, STAGE_EVENT) == 0)
      show_stage(watch, event->body);
  }
  show_stage(watch, info->boot_progress);
}

static gboolean print_piece(const void *data, gsize len, gpointer user_data) {
  (void)user_data;
  (void)fwrite(data, 1, len, stderr); /* filtered by the VMM; a closed terminal is not worth an error here */
  return TRUE;
}

static void show_console(const char *id) {
  g_autoptr(PrpcClient) client = cli_connect("", NULL);
  g_autofree char *path = g_strdup_printf("/logs?id=%s&lines=%d&ansi=false&follow=false", id, CONSOLE_LINES);
  int status;
  fprintf(stderr, "the last lines of its console:\n");
  if (!client || !prpc_client_stream(client, path, print_piece, NULL, &status, NULL))
    fprintf(stderr, "(could not be read)\n");
}

/* TRUE when the boot is over, well or not. */
static gboolean judge(const Vmm__VmInfo *info, GError **error) {
  if (*info->boot_error) {
    g_autofree char *safe = terminal_safe(info->boot_error);
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "boot failed: %s", safe);
    return TRUE;
  }
  if (strcmp(info->status, "running") != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "boot failed: the vm is %s", info->status);
    return TRUE;
  }
  return strcmp(info->boot_progress, "done") == 0;
}

gboolean boot_watch(const char *id, guint timeout_s, gboolean talk, double *seconds, GError **error) {
  g_auto(Watch) watch = {.began = g_get_monotonic_time(), .talk = talk};
  g_autoptr(GError) failure = NULL;
  gboolean over = FALSE;
  while (!over) {
    Vmm__GetInfoResponse *response = cli_get_info(id, error);
    if (!response)
      return FALSE;
    show_progress(&watch, response->info);
    over = judge(response->info, &failure);
    prpc_message_free(&response->base);
    if (!over && elapsed(&watch) > timeout_s) {
      g_set_error(&failure, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "the app is not up after %u s (last stage: %s)", timeout_s,
                  watch.last_stage ? watch.last_stage : "none");
      over = TRUE;
    }
    if (!over)
      g_usleep(POLL_MS * 1000);
  }
  *seconds = elapsed(&watch);
  if (!failure)
    return TRUE;
  show_console(id);
  g_propagate_error(error, g_steal_pointer(&failure));
  return FALSE;
}
