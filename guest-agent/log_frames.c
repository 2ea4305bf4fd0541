#include "guest-agent/log_frames.h"

#include "base/error.h"

#include <string.h>

#define HEADER_SIZE 8

const char *log_channel_name(LogChannel channel) {
  static const char *const names[] = {"stdin", "stdout", "stderr", "console"};
  return names[channel];
}

void log_frames_init(LogFrames *frames, LogFrameFunc on_frame, gpointer user_data) {
  *frames = (LogFrames){g_byte_array_new(), on_frame, user_data};
}

void log_frames_clear(LogFrames *frames) { g_clear_pointer(&frames->pending, g_byte_array_unref); }

static guint32 read_be32(const guint8 *data) {
  return (guint32)data[0] << 24 | (guint32)data[1] << 16 | (guint32)data[2] << 8 | data[3];
}

/* A frame at the beginning of some bytes. */
typedef struct {
  LogChannel channel;
  const guint8 *payload;
  gsize len, size; /* of the payload, of the whole frame; size 0: not complete yet */
} Frame;

static Frame find_line(const guint8 *data, gsize len) {
  const guint8 *lf = memchr(data, '\n', MIN(len, LOG_FRAME_MAX));
  gsize size = lf ? (gsize)(lf - data) + 1 : len >= LOG_FRAME_MAX ? LOG_FRAME_MAX : 0;
  return (Frame){LOG_CHANNEL_CONSOLE, data, size, size};
}

static gboolean find_frame(const guint8 *data, gsize len, Frame *out, GError **error) {
  *out = (Frame){0};
  if (len > 0 && data[0] > LOG_CHANNEL_STDERR) {
    *out = find_line(data, len);
    return TRUE;
  }
  if (len < HEADER_SIZE)
    return TRUE;
  gsize payload = read_be32(data + 4);
  if (payload > LOG_FRAME_MAX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "a log frame of %zu bytes is too long", payload);
    return FALSE;
  }
  if (len - HEADER_SIZE >= payload)
    *out = (Frame){(LogChannel)data[0], data + HEADER_SIZE, payload, HEADER_SIZE + payload};
  return TRUE;
}

gboolean log_frames_feed(LogFrames *frames, const guint8 *data, gsize len, GError **error) {
  GByteArray *pending = frames->pending;
  g_byte_array_append(pending, data, (guint)len);
  gsize at = 0;
  gboolean more = TRUE;
  while (more && at < pending->len) {
    Frame frame;
    if (!find_frame(pending->data + at, pending->len - at, &frame, error))
      return FALSE;
    if (frame.size == 0)
      break;
    more = frames->on_frame(frame.channel, frame.payload, frame.len, frames->user_data);
    at += frame.size;
  }
  g_byte_array_remove_range(pending, 0, (guint)at);
  return more;
}

gboolean log_frames_end(LogFrames *frames, GError **error) {
  const GByteArray *pending = frames->pending;
  if (pending->len == 0)
    return TRUE;
  if (pending->data[0] > LOG_CHANNEL_STDERR)
    return frames->on_frame(LOG_CHANNEL_CONSOLE, pending->data, pending->len, frames->user_data);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the log ended inside a frame");
  return FALSE;
}
