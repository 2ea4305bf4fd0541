#include "vmm/logs.h"

#include "vmm/log_filter.h"
#include "vmm/log_tail.h"
#include "vmm/work_dir.h"

#include "base/error.h"

#include <string.h>

#define DEFAULT_LINES 10000
#define PIECE_BYTES 8192
#define POLL_MS 200
#define HEARTBEAT_MS 60000
#define HEARTBEAT "[vmm heartbeat]\n"
#define TEXT_TYPE "text/plain; charset=utf-8"

typedef struct {
  char *id;
  gboolean follow, raw;
  guint64 lines;
  const char *file_name;
} LogQuery;

static void log_query_clear(LogQuery *query) { g_clear_pointer(&query->id, g_free); }
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LogQuery, log_query_clear)

static void refuse(PrpcHttpRequest *request, int status, const char *text) {
  prpc_http_reply(request, status, TEXT_TYPE, text, strlen(text), NULL);
}

/* FALSE when the value is no boolean. */
static gboolean read_flag(PrpcHttpRequest *request, const char *name, gboolean *out) {
  static const char *const yes[] = {"true", "yes", "on", "", NULL}, *const no[] = {"false", "no", "off", NULL};
  g_autofree char *value = prpc_http_query_value(request, name);
  g_autofree char *lower = value ? g_ascii_strdown(value, -1) : NULL;
  *out = lower && g_strv_contains(yes, lower);
  return !lower || *out || g_strv_contains(no, lower);
}

static const char *channel_file(PrpcHttpRequest *request) {
  g_autofree char *channel = prpc_http_query_value(request, "ch");
  if (!channel || strcmp(channel, "serial") == 0)
    return "serial.log";
  if (strcmp(channel, "stdout") == 0)
    return "stdout.log";
  return strcmp(channel, "stderr") == 0 ? "stderr.log" : NULL;
}

/* FALSE after having replied. */
static gboolean read_query(PrpcHttpRequest *request, LogQuery *query) {
  g_autofree char *lines = prpc_http_query_value(request, "lines");
  query->id = prpc_http_query_value(request, "id");
  query->file_name = channel_file(request);
  if (!lines || !g_ascii_string_to_unsigned(lines, 10, 0, G_MAXUINT32, &query->lines, NULL))
    query->lines = DEFAULT_LINES;
  if (!query->id)
    refuse(request, 422, "missing parameter: id\n");
  else if (!read_flag(request, "follow", &query->follow) || !read_flag(request, "ansi", &query->raw))
    refuse(request, 422, "follow and ansi are true or false\n");
  else if (!query->file_name)
    refuse(request, 400, "unknown channel: expected serial, stdout or stderr\n");
  else
    return TRUE;
  return FALSE;
}

/* ---- streaming ---- */

typedef struct {
  PrpcHttpRequest *request;
  LogFilter filter;
  gboolean raw;
  GString *pending; /* the line that is not complete yet */
} LogStream;

static gboolean send_piece(LogStream *stream, gsize len) {
  g_autofree char *valid = g_utf8_make_valid(stream->pending->str, (gssize)len);
  g_string_erase(stream->pending, 0, (gssize)len);
  g_autoptr(GString) out = g_string_new(NULL);
  if (stream->raw)
    g_string_append(out, valid);
  else
    log_filter(&stream->filter, valid, out);
  return out->len == 0 || prpc_http_stream_write(stream->request, out->str, out->len);
}

/* Where a long line can be cut without splitting a character. */
static gsize cut_place(const GString *text, gsize at) {
  for (guint back = 0; back < 3 && at > 1 && ((guchar)text->str[at] & 0xc0) == 0x80; back++)
    at--;
  return at;
}

static gboolean send_lines(LogStream *stream, gboolean last) {
  for (;;) {
    const char *newline = memchr(stream->pending->str, '\n', stream->pending->len);
    gsize len = newline ? (gsize)(newline + 1 - stream->pending->str) : 0;
    if (len == 0 && stream->pending->len > PIECE_BYTES)
      len = cut_place(stream->pending, PIECE_BYTES);
    if (len == 0 && last)
      len = stream->pending->len;
    if (len == 0)
      return TRUE;
    if (!send_piece(stream, len))
      return FALSE;
  }
}

static gboolean copy_available(LogStream *stream, LogTail *tail, gboolean *some) {
  char block[PIECE_BYTES];
  gsize n;
  *some = FALSE;
  while ((n = log_tail_read(tail, block, sizeof block)) > 0) {
    *some = TRUE;
    g_string_append_len(stream->pending, block, (gssize)n);
    if (!send_lines(stream, FALSE))
      return FALSE;
  }
  return TRUE;
}

static gboolean vm_is_known(Vmm *vmm, const char *id) {
  g_autoptr(Vm) vm = vm_table_find(vmm->vms, id, NULL);
  return vm != NULL;
}

/* Ends when the client leaves, the VM is removed or the VMM stops: an empty write tells. */
static void follow(Vmm *vmm, LogStream *stream, LogTail *tail, const char *id) {
  guint quiet_ms = 0;
  gboolean some, connected = TRUE;
  while (connected && vm_is_known(vmm, id) && prpc_http_stream_write(stream->request, "", 0)) {
    connected = copy_available(stream, tail, &some);
    if (some) {
      quiet_ms = 0;
      continue;
    }
    if (connected && quiet_ms == POLL_MS) /* a prompt has no line end, but wants to be seen */
      connected = send_lines(stream, TRUE);
    if (quiet_ms >= HEARTBEAT_MS) {
      connected = connected && prpc_http_stream_write(stream->request, HEARTBEAT, strlen(HEARTBEAT));
      quiet_ms = POLL_MS;
    }
    g_usleep(POLL_MS * 1000);
    quiet_ms += POLL_MS;
    log_tail_check(tail);
  }
}

static void stream_log(Vmm *vmm, PrpcHttpRequest *request, const LogQuery *query, const char *path) {
  g_autoptr(GString) pending = g_string_new(NULL);
  LogStream stream = {.request = request, .raw = query->raw, .pending = pending};
  g_auto(LogTail) tail = {0};
  gboolean some;
  log_tail_open(&tail, path, query->lines);
  prpc_http_stream_start(request, 200, TEXT_TYPE);
  if (query->follow)
    follow(vmm, &stream, &tail, query->id);
  else if (copy_available(&stream, &tail, &some))
    (void)send_lines(&stream, TRUE); /* a client that left needs no rest */
  prpc_http_stream_end(request);
}

void logs_route(PrpcHttpRequest *request, gpointer user_data) {
  Vmm *vmm = user_data;
  g_auto(LogQuery) query = {0};
  if (!read_query(request, &query))
    return;
  g_autoptr(Vm) vm = vm_table_find(vmm->vms, query.id, NULL);
  if (!vm) {
    refuse(request, 404, "VM not found\n");
    return;
  }
  g_autofree char *path = work_dir_file(vm->work_dir, query.file_name);
  stream_log(vmm, request, &query, path);
}
