#include "guest-agent/logs.h"

#include "base/error.h"
#include "base/log.h"
#include "guest-agent/ansi.h"
#include "guest-agent/docker.h"
#include "guest-agent/log_frames.h"
#include "guest-agent/log_query.h"
#include "prpc/json_text.h"

#include <string.h>

#define MAX_STREAMS 16
#define IDLE_MS (600 * 1000)
#define MAX_DOCKER_ERROR 4096
#define PLAIN "text/plain; charset=utf-8"
#define HTTP_OK 200

/* ---- answers that are no logs ---- */

static char *error_json(const char *text) {
  GString *json = g_string_new("{\"error\":");
  prpc_json_append_string(json, text);
  g_string_append_c(json, '}');
  return g_string_free(json, FALSE);
}

static void refuse(PrpcHttpRequest *request, int status, const char *text) {
  g_autofree char *json = error_json(text);
  prpc_http_reply(request, status, "application/json", json, strlen(json), NULL);
}

static gboolean parse_query(PrpcHttpRequest *request, LogQuery *query) {
  static const struct {
    int status;
    const char *text;
  } refusals[] = {
      [LOG_QUERY_BAD_SINCE] = {400, "Invalid since"}, /* these two texts are the reference's */
      [LOG_QUERY_BAD_UNTIL] = {400, "Invalid until"},
      [LOG_QUERY_BAD_TAIL] = {400, "invalid tail: expected all or a number"},
      [LOG_QUERY_BAD_FLAG] = {422, "invalid switch: expected true or false"},
  };
  LogQueryStatus status =
      log_query_parse(prpc_http_query(request), (guint64)(g_get_real_time() / G_USEC_PER_SEC), query);
  if (status != LOG_QUERY_OK)
    refuse(request, refusals[status].status, refusals[status].text);
  return status == LOG_QUERY_OK;
}

/* ---- the stream ---- */

typedef struct {
  PrpcHttpRequest *request;
  const LogQuery *query;
  int docker_status;
  LogFrames frames;
  GString *docker_error; /* what Docker said instead of logs */
  GError *error;
} LogStream;

static char *message_text(const LogQuery *query, const guint8 *data, gsize len) {
  if (!query->text)
    return g_base64_encode(data, len);
  g_autofree char *text = g_utf8_make_valid((const char *)data, (gssize)len);
  return query->ansi ? g_steal_pointer(&text) : ansi_strip(text);
}

static gboolean write_frame(LogChannel channel, const guint8 *data, gsize len, gpointer user_data) {
  LogStream *stream = user_data;
  g_autofree char *message = message_text(stream->query, data, len);
  if (stream->query->bare)
    return prpc_http_stream_write(stream->request, message, strlen(message));
  GString *line = g_string_new(NULL);
  g_string_printf(line, "{\"channel\":\"%s\",\"message\":", log_channel_name(channel));
  prpc_json_append_string(line, message);
  g_string_append(line, "}\n");
  gboolean more = prpc_http_stream_write(stream->request, line->str, line->len);
  g_string_free(line, TRUE);
  return more;
}

static gboolean on_docker_data(const void *data, gsize len, gpointer user_data) {
  LogStream *stream = user_data;
  if (stream->docker_status == HTTP_OK)
    return log_frames_feed(&stream->frames, data, len, &stream->error);
  g_string_append_len(stream->docker_error, data, (gssize)MIN(len, MAX_DOCKER_ERROR - stream->docker_error->len));
  return stream->docker_error->len < MAX_DOCKER_ERROR;
}

static void write_error(PrpcHttpRequest *request, const char *text) {
  g_autofree char *json = error_json(text);
  (void)prpc_http_stream_write(request, json, strlen(json)); /* the last thing said anyway */
}

static void finish(LogStream *stream, gboolean whole) {
  if (whole && stream->docker_status != HTTP_OK) {
    g_autofree char *said = g_utf8_make_valid(stream->docker_error->str, (gssize)stream->docker_error->len);
    g_set_error(&stream->error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "docker answered with status %d: %s",
                stream->docker_status, said);
  } else if (whole && !stream->error) {
    (void)log_frames_end(&stream->frames, &stream->error); /* the error says it */
  }
  /* Silence for too long ends a stream without a word. */
  if (stream->error && !g_error_matches(stream->error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT))
    write_error(stream->request, stream->error->message);
}

static void stream_logs(PrpcHttpRequest *request, PrpcClient *docker, const char *name, const LogQuery *query) {
  g_autofree char *docker_query = log_query_for_docker(query);
  g_autofree char *path = g_strdup_printf("/containers/%s/logs?%s", name, docker_query);
  LogStream stream = {.request = request, .query = query, .docker_error = g_string_new(NULL)};
  log_frames_init(&stream.frames, write_frame, &stream);
  prpc_http_stream_start(request, HTTP_OK, PLAIN);
  GError *failure = NULL;
  gboolean whole = prpc_client_stream(docker, path, on_docker_data, &stream, &stream.docker_status, &failure);
  if (failure && !stream.error)
    stream.error = g_steal_pointer(&failure);
  finish(&stream, whole);
  prpc_http_stream_end(request);
  log_frames_clear(&stream.frames);
  g_string_free(stream.docker_error, TRUE);
  g_clear_error(&stream.error);
  g_clear_error(&failure);
}

/* Asked first, so that a mistake is an answer of its own and not a line in a stream. */
static gboolean container_exists(PrpcHttpRequest *request, PrpcClient *docker, const char *name) {
  enum { MAX_ANSWER = 4 * 1024 * 1024 };
  g_autofree char *path = g_strdup_printf("/containers/%s/json", name);
  g_autoptr(GError) error = NULL;
  int status = 0;
  g_autoptr(GBytes) answer = prpc_client_http(docker, "GET", path, NULL, NULL, 0, MAX_ANSWER, &status, &error);
  if (answer && status == HTTP_OK)
    return TRUE;
  if (error)
    log_warn("failed to ask docker: %s", error->message);
  refuse(request, status == 404 ? 404 : 502, status == 404 ? "no such container" : "docker does not answer");
  return FALSE;
}

static gboolean check_name(PrpcHttpRequest *request, const char *name) {
  if (!*name)
    refuse(request, 422, "which container?");
  else if (!docker_name_ok(name))
    refuse(request, 400, "invalid container name");
  return *name && docker_name_ok(name);
}

static void answer(PrpcHttpRequest *request) {
  const char *name = prpc_http_path(request) + strlen(LOGS_PATH);
  LogQuery query;
  if (!check_name(request, name) || !parse_query(request, &query))
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcClient) docker = docker_client_new(&error);
  if (!docker) {
    refuse(request, 502, error->message);
    return;
  }
  prpc_client_set_idle_timeout(docker, IDLE_MS);
  if (container_exists(request, docker, name))
    stream_logs(request, docker, name, &query);
}

void logs_route(PrpcHttpRequest *request, gpointer agent) {
  (void)agent; /* that the route is there is all the agent had to say */
  static gint running;
  if (g_atomic_int_add(&running, 1) < MAX_STREAMS)
    answer(request);
  else
    refuse(request, 503, "too many log streams");
  g_atomic_int_add(&running, -1);
}
