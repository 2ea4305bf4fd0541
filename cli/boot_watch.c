#include "cli/boot_watch.h"

#include "cli/client.h"
#include "cli/terminal.h"

#include "base/error.h"

#include <stdio.h>
#include <string.h>

#define POLL_MS 300
#define CONSOLE_LINES 20
#define STAGE_EVENT "boot.progress"
#define ERROR_EVENT "boot.error"

typedef struct {
  gint64 began;
  gboolean talk;
  guint64 last_timestamp; /* of the events shown: the VMM keeps only the last few */
  char *last_stage, *last_error;
  gboolean gave_up; /* the last stage is one whose error is the end */
} Watch;

static void watch_clear(Watch *watch) {
  g_clear_pointer(&watch->last_stage, g_free);
  g_clear_pointer(&watch->last_error, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Watch, watch_clear)

static double elapsed(const Watch *watch) { return (double)(g_get_monotonic_time() - watch->began) / G_USEC_PER_SEC; }

static void show_stage(Watch *watch, const char *stage) {
  if (!*stage || g_strcmp0(stage, watch->last_stage) == 0)
    return;
  g_free(watch->last_stage);
  watch->last_stage = g_strdup(stage);
  watch->gave_up = FALSE;
  g_autofree char *safe = terminal_safe(stage);
  if (watch->talk)
    fprintf(stderr, "%7.1f s  %s\n", elapsed(watch), safe);
}

/* Most errors the guest gets over, such as a gateway that does not answer; where the app itself is started it does not. */
static void show_error(Watch *watch, const char *text) {
  static const char *const last_stages[] = {"starting containers", "running main script", NULL};
  if (!*text)
    return;
  watch->gave_up = watch->last_stage && g_strv_contains(last_stages, watch->last_stage);
  if (g_strcmp0(text, watch->last_error) == 0)
    return;
  g_free(watch->last_error);
  watch->last_error = g_strdup(text);
  g_autofree char *safe = terminal_safe(text);
  if (watch->talk)
    fprintf(stderr, "%7.1f s  warning: %s\n", elapsed(watch), safe);
}

/* Short stages are seen in the events, though nobody asked while they lasted. */
static void show_progress(Watch *watch, const Vmm__VmInfo *info) {
  guint64 shown = watch->last_timestamp;
  for (gsize i = 0; i < info->n_events; i++) {
    const Vmm__GuestEvent *event = info->events[i];
    if (event->timestamp <= shown)
      continue;
    watch->last_timestamp = event->timestamp;
    if (strcmp(event->event, STAGE_EVENT) == 0)
      show_stage(watch, event->body);
    else if (strcmp(event->event, ERROR_EVENT) == 0)
      show_error(watch, event->body);
  }
  if (info->n_events > 0)
    return;
  show_stage(watch, info->boot_progress); /* a VMM without events */
  if (g_strcmp0(info->boot_error, watch->last_error) != 0)
    show_error(watch, info->boot_error);
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

/* TRUE when the boot is over, well or not. A VMM that was started anew knows only that the VM runs, not how far it is. */
static gboolean judge(const Watch *watch, const Vmm__VmInfo *info, GError **error) {
  gboolean ended = strcmp(info->status, "running") != 0;
  if (!ended && (strcmp(info->boot_progress, "done") == 0 || strcmp(info->boot_progress, "running") == 0))
    return TRUE;
  if (!ended && !(watch->gave_up && *info->boot_error))
    return FALSE;
  g_autofree char *safe = watch->last_error ? terminal_safe(watch->last_error) : NULL;
  if (ended)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "boot failed: the vm is %s%s%s", info->status, safe ? ": " : "",
                safe ? safe : "");
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "boot failed: %s", safe);
  return TRUE;
}

guint64 boot_watch_last_event(const Vmm__VmInfo *info) {
  guint64 last = 0;
  for (gsize i = 0; i < info->n_events; i++)
    last = MAX(last, info->events[i]->timestamp);
  return last;
}

gboolean boot_watch(const char *id, guint64 since, guint timeout_s, gboolean talk, double *seconds, GError **error) {
  g_auto(Watch) watch = {.began = g_get_monotonic_time(), .talk = talk, .last_timestamp = since};
  g_autoptr(GError) failure = NULL;
  gboolean over = FALSE;
  while (!over) {
    Vmm__GetInfoResponse *response = cli_get_info(id, error);
    if (!response)
      return FALSE;
    show_progress(&watch, response->info);
    over = judge(&watch, response->info, &failure);
    prpc_message_free(&response->base);
    if (!over && elapsed(&watch) > timeout_s) {
      g_autofree char *safe = terminal_safe(watch.last_error ? watch.last_error : "none");
      g_set_error(&failure, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "the app is not up after %u s (last stage: %s, last error: %s)",
                  timeout_s, watch.last_stage ? watch.last_stage : "none", safe);
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
