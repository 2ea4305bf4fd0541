#include "supervisor/entry.h"

#include <string.h>

#define ENDED_UNSEEN "ended while its exit status could not be seen"

ProcessEntry *process_entry_new(ProcessConfig *config) {
  ProcessEntry *entry = g_new0(ProcessEntry, 1);
  g_atomic_ref_count_init(&entry->refs);
  entry->config = config;
  entry->status = PROCESS_STOPPED;
  entry->child = CHILD_NONE;
  return entry;
}

ProcessEntry *process_entry_ref(ProcessEntry *entry) {
  g_atomic_ref_count_inc(&entry->refs);
  return entry;
}

void process_entry_unref(ProcessEntry *entry) {
  if (!entry || !g_atomic_ref_count_dec(&entry->refs))
    return;
  child_close(&entry->child);
  process_config_free(entry->config);
  g_free(entry->error_text);
  g_free(entry);
}

static gint64 now_seconds(void) { return g_get_real_time() / G_USEC_PER_SEC; }

void process_entry_set_running(ProcessEntry *entry, const Child *child) {
  child_close(&entry->child);
  entry->child = *child;
  entry->status = PROCESS_RUNNING;
  entry->started = TRUE;
  entry->stopping = FALSE;
  entry->started_at = now_seconds();
}

void process_entry_set_ended(ProcessEntry *entry, gboolean reaped, int wait_status) {
  g_clear_pointer(&entry->error_text, g_free);
  if (entry->stopping) {
    entry->status = PROCESS_STOPPED;
  } else if (reaped) {
    entry->status = PROCESS_EXITED;
    entry->wait_status = wait_status;
  } else {
    entry->status = PROCESS_ERROR;
    entry->error_text = g_strdup(ENDED_UNSEEN);
  }
  entry->stopping = FALSE;
  entry->stopped_at = now_seconds();
  child_close(&entry->child);
}

static json_t *status_to_json(const ProcessEntry *entry) {
  switch (entry->status) {
  case PROCESS_RUNNING:
    return json_string("running");
  case PROCESS_STOPPED:
    return json_string("stopped");
  case PROCESS_EXITED:
    return json_pack("{s:i}", "exited", entry->wait_status);
  case PROCESS_ERROR:
    break;
  }
  return json_pack("{s:s}", "error", entry->error_text);
}

static json_t *time_to_json(gint64 seconds) { return seconds ? json_integer(seconds) : json_null(); }

json_t *process_entry_info(const ProcessEntry *entry) {
  json_t *pid = entry->child.pid > 0 ? json_integer(entry->child.pid) : json_null();
  return json_pack("{s:o, s:{s:o, s:b, s:o, s:o, s:o}}", "config", process_config_to_json(entry->config), "state", "status",
                   status_to_json(entry), "started", entry->started, "pid", pid, "started_at",
                   time_to_json(entry->started_at), "stopped_at", time_to_json(entry->stopped_at));
}

json_t *process_entry_to_record(const ProcessEntry *entry) {
  json_t *record = process_entry_info(entry);
  json_object_set_new(record, "start_time", json_integer((json_int_t)entry->child.start_time));
  json_object_set_new(record, "stopping", json_boolean(entry->stopping));
  return record;
}

static void restore_status(ProcessEntry *entry, const json_t *status) {
  const char *text = json_string_value(status);
  const json_t *exited = json_object_get(status, "exited");
  const char *error_text = json_string_value(json_object_get(status, "error"));
  if (json_is_integer(exited)) {
    entry->status = PROCESS_EXITED;
    entry->wait_status = (int)json_integer_value(exited);
  } else if (error_text) {
    entry->status = PROCESS_ERROR;
    entry->error_text = g_strdup(error_text);
  } else {
    entry->status = text && strcmp(text, "running") == 0 ? PROCESS_RUNNING : PROCESS_STOPPED;
  }
}

static void take_over(ProcessEntry *entry, pid_t pid, guint64 start_time, gboolean same_boot) {
  Child child = CHILD_NONE;
  if (same_boot && child_find(pid, start_time, *entry->config->out_path, *entry->config->err_path, &child)) {
    entry->child = child;
    return;
  }
  entry->child.pid = pid;
  process_entry_set_ended(entry, FALSE, 0);
}

ProcessEntry *process_entry_from_record(const json_t *record, gboolean same_boot, GError **error) {
  guint64 pid, start_time, started_at, stopped_at;
  gboolean started, stopping;
  const json_t *state = json_object_get(record, "state");
  if (!json_require_object(record, "entry", error) || !json_require_object(state, "entry.state", error) ||
      !json_get_uint_or(state, "pid", 0, G_MAXINT32, &pid, "entry.state", error) ||
      !json_get_uint_or(state, "started_at", 0, G_MAXINT64, &started_at, "entry.state", error) ||
      !json_get_uint_or(state, "stopped_at", 0, G_MAXINT64, &stopped_at, "entry.state", error) ||
      !json_get_bool_or(state, "started", FALSE, &started, "entry.state", error) ||
      !json_get_bool_or(record, "stopping", FALSE, &stopping, "entry", error) ||
      !json_get_uint_or(record, "start_time", 0, G_MAXINT64, &start_time, "entry", error))
    return NULL;
  ProcessConfig *config = process_config_parse(json_object_get(record, "config"), error);
  if (!config)
    return NULL;
  ProcessEntry *entry = process_entry_new(config);
  restore_status(entry, json_object_get(state, "status"));
  entry->started = started;
  entry->stopping = stopping;
  entry->started_at = (gint64)started_at;
  entry->stopped_at = (gint64)stopped_at;
  if (entry->status == PROCESS_RUNNING)
    take_over(entry, (pid_t)pid, start_time, same_boot);
  else
    entry->child.pid = pid ? (pid_t)pid : -1;
  return entry;
}
