#include "vmm/supervisor_client.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "prpc/client.h"

#include <string.h>

#define MAX_ANSWER_BYTES (16 * 1024 * 1024)
#define CONNECT_MS 1000
#define CALL_MS 30000
#define PROBE_MS 100
#define START_TRIES 10
#define STOP_WAIT_MS 10000
#define STOP_POLL_MS 20

struct SupervisorClient {
  const VmmConfig *config;
  PrpcClient *client;
  GMutex starting; /* one start at a time */
};

void supervised_process_free(SupervisedProcess *process) {
  if (!process)
    return;
  g_free(process->id);
  g_free(process->cwd);
  g_free(process->kind);
  g_free(process->live_for);
  g_free(process);
}

/* ---- connection ---- */

static gboolean probe(SupervisorClient *client) {
  g_autofree char *url = g_strconcat("unix:", client->config->supervisor_sock, NULL);
  g_autoptr(PrpcClient) quick = prpc_client_new(url, NULL);
  if (!quick)
    return FALSE;
  prpc_client_set_timeouts(quick, PROBE_MS, PROBE_MS);
  int status;
  g_autoptr(GBytes) answer = prpc_client_http(quick, "GET", "/ping", NULL, NULL, 0, 1024, &status, NULL);
  return answer && status == 200;
}

static gboolean launch(const VmmConfig *config, GError **error) {
  const char *const argv[] = {config->supervisor_exe,
                              "--uds",
                              config->supervisor_sock,
                              "--pid-file",
                              config->supervisor_pid_file,
                              "--log-file",
                              config->supervisor_log_file,
                              "--remove-existing-uds",
                              "--detach",
                              NULL};
  g_auto(GStrv) env = g_environ_setenv(g_get_environ(), "RUST_LOG", "info", TRUE);
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv, .env = (const char *const *)env};
  if (!process_run(&spec, &result, error))
    return FALSE;
  if (result.status == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to start the supervisor: %s", g_strchomp(result.errors));
  return FALSE;
}

static gboolean ensure_running(SupervisorClient *client, GError **error) {
  G_GNUC_UNUSED g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&client->starting);
  if (probe(client))
    return TRUE;
  const VmmConfig *config = client->config;
  if (!config->supervisor_auto_start) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to connect to supervisor at unix:%s",
                config->supervisor_sock);
    return FALSE;
  }
  log_info("starting the supervisor %s", config->supervisor_exe);
  if (!launch(config, error))
    return FALSE;
  for (guint i = 1; i <= START_TRIES; i++) {
    if (probe(client))
      return TRUE;
    g_usleep(i * 100 * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the supervisor does not answer on unix:%s; see %s",
              config->supervisor_sock, config->supervisor_log_file);
  return FALSE;
}

SupervisorClient *supervisor_client_new(const VmmConfig *config, GError **error) {
  g_autofree char *url = g_strconcat("unix:", config->supervisor_sock, NULL);
  g_autoptr(SupervisorClient) client = g_new0(SupervisorClient, 1);
  client->config = config;
  g_mutex_init(&client->starting);
  client->client = prpc_client_new(url, error);
  if (!client->client)
    return NULL;
  prpc_client_set_timeouts(client->client, CONNECT_MS, CALL_MS);
  return ensure_running(client, error) ? g_steal_pointer(&client) : NULL;
}

void supervisor_client_free(SupervisorClient *client) {
  if (!client)
    return;
  prpc_client_free(client->client);
  g_mutex_clear(&client->starting);
  g_free(client);
}

/* ---- calls ---- */

static GBytes *exchange(SupervisorClient *client, const char *verb, const char *path, const char *body, GError **error) {
  int status;
  g_autoptr(GBytes) answer = prpc_client_http(client->client, verb, path, "application/json", body, body ? strlen(body) : 0,
                                              MAX_ANSWER_BYTES, &status, error);
  if (answer && status != 200) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "supervisor answered %s %s with status %d", verb, path, status);
    return NULL;
  }
  return g_steal_pointer(&answer);
}

/* Returns the `data` of the answer, a new reference. The supervisor's own refusals have code DENIED. */
static json_t *call(SupervisorClient *client, const char *verb, const char *path, const char *body, GError **error) {
  g_autoptr(GError) reason = NULL;
  g_autoptr(GBytes) answer = exchange(client, verb, path, body, &reason);
  if (!answer && g_error_matches(reason, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE)) {
    if (!ensure_running(client, error))
      return NULL;
    g_clear_error(&reason);
    answer = exchange(client, verb, path, body, &reason);
  }
  if (!answer) {
    g_propagate_prefixed_error(error, g_steal_pointer(&reason), "supervisor: ");
    return NULL;
  }
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  g_autoptr(json_t) object = json_parse(text, len, "supervisor", error);
  if (!object)
    return NULL;
  const char *refusal = json_string_value(json_object_get(object, "error"));
  json_t *data = json_object_get(object, "data");
  if (!refusal && data)
    return json_incref(data);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "supervisor: %s", refusal ? refusal : "answer without data");
  return NULL;
}

static json_t *call_id(SupervisorClient *client, const char *verb, const char *operation, const char *id, GError **error) {
  g_autofree char *path = g_strdup_printf("/%s/%s", operation, id); /* ids are ours: plain */
  return call(client, verb, path, NULL, error);
}

static const char *text_member(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

static gboolean info_is_running(const json_t *info) {
  return strcmp(text_member(json_object_get(info, "state"), "status"), "running") == 0;
}

static SupervisedProcess *parse_info(const json_t *info) {
  const json_t *config = json_object_get(info, "config"), *state = json_object_get(info, "state");
  const json_t *cid = json_object_get(config, "cid");
  const char *note_text = text_member(config, "note");
  g_autoptr(json_t) note = json_parse(note_text, strlen(note_text), "note", NULL);
  SupervisedProcess *process = g_new0(SupervisedProcess, 1);
  process->id = g_strdup(text_member(config, "id"));
  process->cwd = g_strdup(text_member(config, "cwd"));
  process->kind = g_strdup(text_member(note, "kind"));
  process->live_for = g_strdup(text_member(note, "live_for"));
  process->appends_serial = json_is_true(json_object_get(note, "serial_logappend"));
  process->running = info_is_running(info);
  process->has_cid = json_is_integer(cid);
  process->cid = (guint32)json_integer_value(cid);
  process->started_at = json_integer_value(json_object_get(state, "started_at"));
  process->stopped_at = json_integer_value(json_object_get(state, "stopped_at"));
  return process;
}

GHashTable *supervisor_client_list(SupervisorClient *client, GError **error) {
  g_autoptr(json_t) list = call(client, "GET", "/list", NULL, error);
  if (!list)
    return NULL;
  GHashTable *processes =
      g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)supervised_process_free);
  size_t index;
  json_t *info;
  json_array_foreach(list, index, info) {
    SupervisedProcess *process = parse_info(info);
    g_hash_table_replace(processes, process->id, process);
  }
  return processes;
}

gboolean supervisor_client_is_running(SupervisorClient *client, const char *id, gboolean *running, GError **error) {
  g_autoptr(json_t) info = call_id(client, "GET", "info", id, error);
  *running = info && info_is_running(info);
  return info != NULL;
}

gboolean supervisor_client_deploy(SupervisorClient *client, const json_t *config, GError **error) {
  g_autofree char *body = json_print(config);
  g_autoptr(json_t) done = call(client, "POST", "/deploy", body, error);
  return done != NULL;
}

/* TRUE when there is an entry; *found says so. */
static gboolean look_up(SupervisorClient *client, const char *id, gboolean *found, gboolean *running, GError **error) {
  g_autoptr(json_t) info = call_id(client, "GET", "info", id, error);
  *found = json_is_object(info);
  *running = info && info_is_running(info);
  return info != NULL;
}

static gboolean stop(SupervisorClient *client, const char *id, gboolean *found, GError **error) {
  gboolean running;
  if (!look_up(client, id, found, &running, error))
    return FALSE;
  if (!*found)
    return TRUE;
  g_autoptr(json_t) done = call_id(client, "POST", "stop", id, error);
  if (!done)
    return FALSE;
  for (guint waited = 0; waited < STOP_WAIT_MS; waited += STOP_POLL_MS) {
    if (!supervisor_client_is_running(client, id, &running, error))
      return FALSE;
    if (!running)
      return TRUE;
    g_usleep(STOP_POLL_MS * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "process %s does not end", id);
  return FALSE;
}

gboolean supervisor_client_stop(SupervisorClient *client, const char *id, GError **error) {
  gboolean found;
  return stop(client, id, &found, error);
}

gboolean supervisor_client_remove(SupervisorClient *client, const char *id, GError **error) {
  gboolean found;
  if (!stop(client, id, &found, error))
    return FALSE;
  if (!found)
    return TRUE;
  g_autoptr(json_t) done = call_id(client, "DELETE", "remove", id, error);
  return done != NULL;
}
