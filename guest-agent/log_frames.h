/* Docker's multiplexed log stream, cut into frames as its bytes arrive (spec: prpc-and-agent-api 7.2).
 *
 * A frame is a byte for the channel, three that are skipped, a big-endian length, and the payload. Containers with a
 * terminal have no frames: where one would begin with another byte, a line is one. */
#pragma once

#include <glib.h>

#define LOG_FRAME_MAX (1024 * 1024)

typedef enum { LOG_CHANNEL_STDIN, LOG_CHANNEL_STDOUT, LOG_CHANNEL_STDERR, LOG_CHANNEL_CONSOLE } LogChannel;
const char *log_channel_name(LogChannel channel);

/* FALSE: no more, please. */
typedef gboolean (*LogFrameFunc)(LogChannel channel, const guint8 *data, gsize len, gpointer user_data);

typedef struct {
  GByteArray *pending; /* of a frame that has begun */
  LogFrameFunc on_frame;
  gpointer user_data;
} LogFrames;

void log_frames_init(LogFrames *frames, LogFrameFunc on_frame, gpointer user_data);
void log_frames_clear(LogFrames *frames);
/* FALSE: the callback had enough (*error stays unset), or the stream is broken (INVALID: a frame over LOG_FRAME_MAX).
 */
gboolean log_frames_feed(LogFrames *frames, const guint8 *data, gsize len, GError **error);
/* At the stream's end: hands out a last line without LF. Error INVALID for an unfinished frame. */
gboolean log_frames_end(LogFrames *frames, GError **error);
