/* What strangers send to /logs, and what containers write: queries, Docker's frames, escape sequences. How the bytes were cut into
 * pieces must not matter. */
#include "guest-agent/ansi.h"
#include "guest-agent/docker.h"
#include "guest-agent/log_frames.h"
#include "guest-agent/log_query.h"

#include <string.h>

static gboolean collect(LogChannel channel, const guint8 *data, gsize len, gpointer out) {
  g_assert(len <= LOG_FRAME_MAX);
  g_string_append(out, log_channel_name(channel));
  g_string_append_len(out, (const char *)data, (gssize)len);
  return TRUE;
}

static GString *decode(const guint8 *data, gsize len, gsize step, gboolean *whole) {
  GString *out = g_string_new(NULL);
  LogFrames frames;
  log_frames_init(&frames, collect, out);
  *whole = TRUE;
  for (gsize at = 0; *whole && at < len; at += step)
    *whole = log_frames_feed(&frames, data + at, MIN(step, len - at), NULL);
  *whole = *whole && log_frames_end(&frames, NULL);
  log_frames_clear(&frames);
  return out;
}

static void check_frames(const guint8 *data, gsize len, gsize step) {
  gboolean at_once, in_pieces;
  GString *whole = decode(data, len, len + 1, &at_once), *pieces = decode(data, len, step, &in_pieces);
  g_assert(at_once == in_pieces && g_string_equal(whole, pieces));
  g_string_free(whole, TRUE);
  g_string_free(pieces, TRUE);
}

static void check_text(const char *text) {
  g_autofree char *stripped = ansi_strip(text);
  g_assert(!strchr(stripped, '\x1b'));
  LogQuery query;
  if (log_query_parse(text, 1000000, &query) == LOG_QUERY_OK) {
    g_autofree char *docker = log_query_for_docker(&query);
    g_assert(g_str_is_ascii(docker) && !strpbrk(docker, " \r\n#?"));
  }
  if (docker_name_ok(text))
    g_assert(!strpbrk(text, "/?#% \r\n"));
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size < 1)
    return 0;
  check_frames(data + 1, size - 1, MAX(data[0], 1));
  g_autofree char *text = g_strndup((const char *)data + 1, size - 1);
  check_text(text);
  return 0;
}
