#include "supervisor/service.h"

#include "supervisor/process_config.h"

#include "base/error.h"
#include "base/log.h"

#include <signal.h>
#include <string.h>

#define MAX_DEPLOY_BYTES (1024 * 1024)
#define MAX_OTHER_BYTES (64 * 1024)
#define MAX_GRACE_SECONDS 3600

static void reply_json(PrpcHttpRequest *request, int status, json_t *answer) {
  g_autofree char *text = json_print(answer);
  prpc_http_reply(request, status, "application/json", text, strlen(text), NULL);
  json_decref(answer);
}

/* Takes `data`; NULL stands for the error. */
static void reply(PrpcHttpRequest *request, json_t *data, const GError *error) {
  reply_json(request, 200, data ? json_pack("{s:o}", "data", data) : json_pack("{s:s}", "error", error->message));
}

static void reply_done(PrpcHttpRequest *request, gboolean done, const GError *error) {
  reply(request, done ? json_null() : NULL, error);
}

/* The path segment after the verb. */
static const char *path_id(PrpcHttpRequest *request) {
  const char *after_verb = strchr(prpc_http_path(request) + 1, '/');
  return after_verb ? after_verb + 1 : "";
}

static void on_deploy(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  g_autoptr(GError) error = NULL;
  gsize len;
  const char *text = g_bytes_get_data(prpc_http_body(request), &len);
  g_autoptr(json_t) config = json_parse(text ? text : "", len, "body", &error);
  if (!config) {
    reply_json(request, 400, json_pack("{s:s}", "error", error->message));
    return;
  }
  g_autoptr(ProcessConfig) checked = process_config_parse(config, &error);
  if (!checked) {
    reply_json(request, 422, json_pack("{s:s}", "error", error->message));
    return;
  }
  gboolean done = process_table_deploy(service->table, config, &error);
  reply_done(request, done, error);
}

static void on_start(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  g_autoptr(GError) error = NULL;
  gboolean done = process_table_start(service->table, path_id(request), &error);
  reply_done(request, done, error);
}

/* ?signal=TERM&timeout=SECONDS asks before it kills. */
static gboolean stop_options(PrpcHttpRequest *request, int *signal_number, guint *grace_ms, GError **error) {
  g_autofree char *name = prpc_http_query_value(request, "signal");
  g_autofree char *timeout = prpc_http_query_value(request, "timeout");
  guint64 seconds = 0;
  *signal_number = SIGKILL;
  if (name && strcmp(name, "TERM") == 0)
    *signal_number = SIGTERM;
  else if (name && strcmp(name, "INT") == 0)
    *signal_number = SIGINT;
  else if (name && strcmp(name, "KILL") != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unknown signal: expected TERM, INT or KILL");
    return FALSE;
  }
  if (timeout && !g_ascii_string_to_unsigned(timeout, 10, 0, MAX_GRACE_SECONDS, &seconds, error))
    return FALSE;
  *grace_ms = (guint)seconds * 1000;
  return TRUE;
}

static void on_stop(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  g_autoptr(GError) error = NULL;
  int signal_number;
  guint grace_ms;
  gboolean stopped = stop_options(request, &signal_number, &grace_ms, &error) &&
                     process_table_stop(service->table, path_id(request), signal_number, grace_ms, &error);
  reply_done(request, stopped, error);
}

static void on_remove(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  g_autoptr(GError) error = NULL;
  gboolean done = process_table_remove(service->table, path_id(request), &error);
  reply_done(request, done, error);
}

static void on_list(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  reply(request, process_table_list(service->table), NULL);
}

static void on_info(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  reply(request, process_table_info(service->table, path_id(request)), NULL);
}

static void on_ping(PrpcHttpRequest *request, gpointer data) {
  (void)data;
  reply(request, json_string("pong"), NULL);
}

static void on_clear(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  process_table_clear(service->table);
  reply(request, json_null(), NULL);
}

static void on_shutdown(PrpcHttpRequest *request, gpointer data) {
  SupervisorService *service = data;
  g_autoptr(GError) error = NULL;
  log_info("shutdown was requested");
  gboolean done = process_table_shutdown(service->table, &error);
  reply_done(request, done, error);
  if (done)
    prpc_server_stop(service->server);
}

void supervisor_service_mount(SupervisorService *service, PrpcRouter *router) {
  static const struct {
    const char *verb, *path;
    gsize max_body;
    PrpcRoute route;
  } routes[] = {
      {"POST", "/deploy", MAX_DEPLOY_BYTES, on_deploy}, {"POST", "/start/*", MAX_OTHER_BYTES, on_start},
      {"POST", "/stop/*", MAX_OTHER_BYTES, on_stop},    {"DELETE", "/remove/*", MAX_OTHER_BYTES, on_remove},
      {"GET", "/list", MAX_OTHER_BYTES, on_list},       {"GET", "/info/*", MAX_OTHER_BYTES, on_info},
      {"GET", "/ping", MAX_OTHER_BYTES, on_ping},       {"POST", "/clear", MAX_OTHER_BYTES, on_clear},
      {"POST", "/shutdown", MAX_OTHER_BYTES, on_shutdown},
  };
  for (guint i = 0; i < G_N_ELEMENTS(routes); i++)
    prpc_router_route(router, routes[i].verb, routes[i].path, routes[i].max_body, routes[i].route, service);
}
