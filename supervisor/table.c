#include "supervisor/table.h"

#include "supervisor/output.h"
#include "supervisor/store.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define SHUTDOWN_ROUNDS 10
#define SHUTDOWN_FIRST_WAIT_MS 50
#define SHUTDOWN_WAIT_STEP_MS 200

struct ProcessTable {
  GMutex lock;         /* guards everything below, and each entry; held from fork to exec */
  GHashTable *entries; /* id, borrowed from the entry -> ProcessEntry */
  char *store_path;
  gboolean frozen;
  GMainContext *context; /* of the one thread that copies output and sees children end */
  GMainLoop *loop;
  GThread *thread;
};

typedef struct {
  ProcessTable *table;
  ProcessEntry *entry;
  pid_t pid; /* which run of the entry is meant */
} Watch;

static void watch_free(gpointer data) {
  Watch *watch = data;
  process_entry_unref(watch->entry);
  g_free(watch);
}

static Watch *watch_new(ProcessTable *table, ProcessEntry *entry) {
  Watch *watch = g_new(Watch, 1);
  *watch = (Watch){table, process_entry_ref(entry), entry->child.pid};
  return watch;
}

static void save(ProcessTable *table) {
  g_autoptr(GError) error = NULL;
  if (table->store_path && !process_store_save(table->store_path, table->entries, &error))
    log_error("failed to keep the process table: %s", error->message);
}

/* ---- children ---- */

static gboolean on_child_ended(gint fd, GIOCondition condition, gpointer data) {
  (void)fd, (void)condition;
  Watch *watch = data;
  int wait_status = 0;
  pid_t reaped;
  g_mutex_lock(&watch->table->lock);
  while ((reaped = waitpid(watch->pid, &wait_status, 0)) < 0 && errno == EINTR)
    ;
  process_entry_set_ended(watch->entry, reaped == watch->pid, wait_status);
  log_info("process %s (pid %d) ended with status %d", watch->entry->config->id, watch->pid, wait_status);
  save(watch->table);
  g_mutex_unlock(&watch->table->lock);
  return G_SOURCE_REMOVE;
}

static void follow(ProcessTable *table, const char *path, int *fd) {
  if (*fd >= 0)
    output_follow(table->context, *fd, path);
  *fd = -1;
}

/* Copies the output and waits for the end of an entry that runs. */
static void watch_child(ProcessTable *table, ProcessEntry *entry) {
  follow(table, entry->config->out_path, &entry->child.out_fd);
  follow(table, entry->config->err_path, &entry->child.err_fd);
  g_autoptr(GSource) source = g_unix_fd_source_new(entry->child.pidfd, G_IO_IN);
  g_source_set_callback(source, G_SOURCE_FUNC(on_child_ended), watch_new(table, entry), watch_free);
  g_source_attach(source, table->context);
}

static void write_pid_file(const ProcessEntry *entry) {
  g_autoptr(GError) error = NULL;
  g_autofree char *text = g_strdup_printf("%d", entry->child.pid);
  if (*entry->config->pid_path && !file_write_atomic(entry->config->pid_path, text, strlen(text), 0644, &error))
    log_warn("%s", error->message);
}

/* The entry must be in the table: it is on record, with its pid, before the program begins. */
static gboolean run(ProcessTable *table, ProcessEntry *entry, GError **error) {
  Child child;
  if (!child_fork(entry->config, &child, error))
    return FALSE;
  ProcessEntry before = *entry;
  entry->child = CHILD_NONE;
  process_entry_set_running(entry, &child);
  save(table);
  if (!child_release(&entry->child, entry->config, error)) {
    before.refs = entry->refs;
    *entry = before;
    return FALSE;
  }
  write_pid_file(entry);
  watch_child(table, entry);
  log_info("process %s started as pid %d", entry->config->id, entry->child.pid);
  return TRUE;
}

/* ---- operations ---- */

static ProcessEntry *find(ProcessTable *table, const char *id, GError **error) {
  ProcessEntry *entry = g_hash_table_lookup(table->entries, id);
  if (!entry)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "process not found");
  return entry;
}

static gboolean may_run(ProcessTable *table, const char *id, GError **error) {
  ProcessEntry *entry = g_hash_table_lookup(table->entries, id);
  if (table->frozen)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "supervisor is freezed");
  else if (entry && entry->status == PROCESS_RUNNING)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "process is already running");
  else
    return TRUE;
  return FALSE;
}

gboolean process_table_deploy(ProcessTable *table, const json_t *object, GError **error) {
  g_autoptr(ProcessConfig) config = process_config_parse(object, error);
  if (!config)
    return FALSE;
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  if (!may_run(table, config->id, error))
    return FALSE;
  if (!*config->id) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "process id is empty");
    return FALSE;
  }
  ProcessEntry *older = g_hash_table_lookup(table->entries, config->id);
  g_autoptr(ProcessEntry) kept = older ? process_entry_ref(older) : NULL;
  g_autofree char *id = g_strdup(config->id);
  ProcessEntry *entry = process_entry_new(g_steal_pointer(&config));
  g_hash_table_replace(table->entries, entry->config->id, entry);
  if (run(table, entry, error))
    return TRUE;
  g_hash_table_remove(table->entries, id);
  if (kept)
    g_hash_table_replace(table->entries, kept->config->id, process_entry_ref(kept));
  save(table);
  return FALSE;
}

gboolean process_table_start(ProcessTable *table, const char *id, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  ProcessEntry *entry = find(table, id, error);
  if (!entry || !may_run(table, id, error))
    return FALSE;
  if (run(table, entry, error))
    return TRUE;
  save(table);
  return FALSE;
}

static gboolean on_grace_over(gpointer data) {
  Watch *watch = data;
  g_mutex_lock(&watch->table->lock);
  if (watch->entry->status == PROCESS_RUNNING && watch->entry->child.pid == watch->pid)
    child_signal(&watch->entry->child, SIGKILL);
  g_mutex_unlock(&watch->table->lock);
  return G_SOURCE_REMOVE;
}

static void kill_later(ProcessTable *table, ProcessEntry *entry, guint grace_ms) {
  g_autoptr(GSource) source = g_timeout_source_new(grace_ms);
  g_source_set_callback(source, on_grace_over, watch_new(table, entry), watch_free);
  g_source_attach(source, table->context);
}

static void stop_entry(ProcessTable *table, ProcessEntry *entry, int signal_number, guint grace_ms) {
  entry->started = FALSE;
  if (entry->status == PROCESS_EXITED && entry->wait_status == 0)
    entry->status = PROCESS_STOPPED;
  if (entry->status != PROCESS_RUNNING)
    return;
  entry->stopping = TRUE;
  child_signal(&entry->child, signal_number);
  if (signal_number != SIGKILL)
    kill_later(table, entry, grace_ms);
}

gboolean process_table_stop(ProcessTable *table, const char *id, int signal_number, guint grace_ms, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  ProcessEntry *entry = find(table, id, error);
  if (!entry)
    return FALSE;
  stop_entry(table, entry, signal_number, grace_ms);
  save(table);
  return TRUE;
}

gboolean process_table_remove(ProcessTable *table, const char *id, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  ProcessEntry *entry = find(table, id, error);
  if (!entry)
    return FALSE;
  if (entry->started || entry->status == PROCESS_RUNNING) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "process is %s", entry->started ? "started" : "running");
    return FALSE;
  }
  g_hash_table_remove(table->entries, id);
  save(table);
  return TRUE;
}

json_t *process_table_list(ProcessTable *table) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  json_t *list = json_array();
  GHashTableIter iter;
  gpointer entry;
  g_hash_table_iter_init(&iter, table->entries);
  while (g_hash_table_iter_next(&iter, NULL, &entry))
    json_array_append_new(list, process_entry_info(entry));
  return list;
}

json_t *process_table_info(ProcessTable *table, const char *id) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  ProcessEntry *entry = g_hash_table_lookup(table->entries, id);
  return entry ? process_entry_info(entry) : json_null();
}

/* Returns how many were running. */
static guint stop_all(ProcessTable *table) {
  guint running = 0;
  GHashTableIter iter;
  gpointer entry;
  g_hash_table_iter_init(&iter, table->entries);
  while (g_hash_table_iter_next(&iter, NULL, &entry)) {
    running += ((ProcessEntry *)entry)->status == PROCESS_RUNNING;
    stop_entry(table, entry, SIGKILL, 0);
  }
  return running;
}

void process_table_clear(ProcessTable *table) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&table->lock);
  (void)stop_all(table); /* the watches reap them */
  g_hash_table_remove_all(table->entries);
  save(table);
}

gboolean process_table_shutdown(ProcessTable *table, GError **error) {
  guint running = 0;
  for (guint round = 0; round < SHUTDOWN_ROUNDS; round++) {
    g_mutex_lock(&table->lock);
    table->frozen = TRUE;
    running = stop_all(table);
    save(table);
    g_mutex_unlock(&table->lock);
    if (running == 0)
      return TRUE;
    g_usleep((SHUTDOWN_FIRST_WAIT_MS + round * SHUTDOWN_WAIT_STEP_MS) * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "failed to stop %u processes", running);
  return FALSE;
}

/* ---- life ---- */

static gpointer run_loop(gpointer data) {
  ProcessTable *table = data;
  g_main_context_push_thread_default(table->context);
  g_main_loop_run(table->loop);
  g_main_context_pop_thread_default(table->context);
  return NULL;
}

static void adopt_all(ProcessTable *table) {
  GHashTableIter iter;
  gpointer value;
  g_hash_table_iter_init(&iter, table->entries);
  while (g_hash_table_iter_next(&iter, NULL, &value)) {
    ProcessEntry *entry = value;
    if (entry->status != PROCESS_RUNNING)
      continue;
    log_info("process %s (pid %d) is taken over", entry->config->id, entry->child.pid);
    watch_child(table, entry);
  }
}

ProcessTable *process_table_new(const char *store_path, GError **error) {
  g_autoptr(ProcessTable) table = g_new0(ProcessTable, 1);
  g_mutex_init(&table->lock);
  table->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)process_entry_unref);
  table->store_path = g_strdup(store_path);
  table->context = g_main_context_new();
  table->loop = g_main_loop_new(table->context, FALSE);
  if (store_path && !process_store_load(store_path, table->entries, error))
    return NULL;
  adopt_all(table);
  save(table);
  table->thread = g_thread_new("children", run_loop, table);
  return g_steal_pointer(&table);
}

static gboolean quit_loop(gpointer loop) {
  g_main_loop_quit(loop);
  return G_SOURCE_REMOVE;
}

void process_table_free(ProcessTable *table) {
  if (!table)
    return;
  if (table->thread) {
    g_main_context_invoke(table->context, quit_loop, table->loop);
    g_thread_join(table->thread);
  }
  g_main_loop_unref(table->loop);
  g_main_context_unref(table->context);
  g_hash_table_unref(table->entries);
  g_free(table->store_path);
  g_mutex_clear(&table->lock);
  g_free(table);
}
