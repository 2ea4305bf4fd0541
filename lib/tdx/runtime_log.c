#include "tdx/runtime_log.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "tdx/event_log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* Lies beside the log from before an extension until its event is logged. Whoever finds it knows that the register
 * holds an event that the log does not have, or may do so. */
static char *broken_marker(const TdxPlatform *platform) {
  return g_strconcat(platform->runtime_log_path, ".broken", NULL);
}

static gboolean set_marker(TdxPlatform *platform, GError **error) {
  g_autofree char *path = broken_marker(platform);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to make %s", path);
    return FALSE;
  }
  (void)close(fd); /* empty: its being there is all it says */
  return TRUE;
}

static gboolean clear_marker(TdxPlatform *platform, GError **error) {
  g_autofree char *path = broken_marker(platform);
  if (unlink(path) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to remove %s", path);
  return FALSE;
}

static gboolean check_marker(TdxPlatform *platform, GError **error) {
  g_autofree char *path = broken_marker(platform);
  if (access(path, F_OK) != 0 && errno == ENOENT)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED,
              "runtime event log is broken: an event was not recorded; restart the vm");
  return FALSE;
}

static TdxEventLog *read_lines(const char *path, GError **error) {
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  if (access(path, F_OK) != 0 && errno == ENOENT)
    return g_steal_pointer(&log); /* nothing was emitted yet */
  g_autoptr(GBytes) content = file_read_nofollow(path, RUNTIME_LOG_MAX_SIZE, error);
  if (!content)
    return NULL;
  gsize len;
  const char *at = g_bytes_get_data(content, &len), *end = at + len;
  while (at < end) {
    const char *newline = memchr(at, '\n', (gsize)(end - at));
    if (!newline) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "runtime event log: its last line is cut off");
      return NULL;
    }
    if (!tdx_event_log_append_line(log, at, (gsize)(newline - at), error)) {
      g_prefix_error(error, "runtime ");
      return NULL;
    }
    at = newline + 1;
  }
  return g_steal_pointer(&log);
}

static gboolean check_register(TdxPlatform *platform, TdxEventLog *log, GError **error) {
  guint8 replayed[TDX_MR_SIZE], current[TDX_MR_SIZE];
  if (!tdx_replay(log, TDX_RUNTIME_RTMR, NULL, replayed, error) ||
      !platform->ops->read_rtmr(platform, TDX_RUNTIME_RTMR, current, error))
    return FALSE;
  if (memcmp(replayed, current, sizeof current) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "runtime event log does not replay to rtmr3");
  return FALSE;
}

TdxEventLog *runtime_log_load(TdxPlatform *platform, GError **error) {
  if (!check_marker(platform, error))
    return NULL;
  g_autoptr(TdxEventLog) log = read_lines(platform->runtime_log_path, error);
  return log && check_register(platform, log, error) ? g_steal_pointer(&log) : NULL;
}

/* One write for one line. What a short write leaves behind stays marked as broken. */
static gboolean append_line(const char *path, const char *line, GError **error) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  gsize len = strlen(line);
  errno = 0;
  gboolean written = fd >= 0 && write(fd, line, len) == (gssize)len && fdatasync(fd) == 0;
  int saved = errno ? errno : ENOSPC;
  if (fd >= 0 && close(fd) != 0 && written) {
    written = FALSE;
    saved = errno;
  }
  if (!written)
    dstack_set_errno(error, saved, "failed to append to %s", path);
  return written;
}

/* A refused extension that left the register as it was is no harm done. */
static void clear_if_unchanged(TdxPlatform *platform, TdxEventLog *before) {
  g_autoptr(GError) error = NULL;
  if (check_register(platform, before, &error) && !clear_marker(platform, &error))
    log_warn("%s", error->message);
}

gboolean runtime_log_emit(TdxPlatform *platform, TdxEventLog *before, const TdxEvent *event, GError **error) {
  g_autofree char *json = tdx_event_print(event);
  g_autofree char *line = g_strconcat(json, "\n", NULL);
  if (!set_marker(platform, error))
    return FALSE;
  if (!platform->ops->extend_rtmr(platform, TDX_RUNTIME_RTMR, event->digest, error)) {
    clear_if_unchanged(platform, before);
    return FALSE;
  }
  if (!append_line(platform->runtime_log_path, line, error))
    return FALSE;
  g_autoptr(TdxEventLog) after = read_lines(platform->runtime_log_path, error);
  return after && check_register(platform, after, error) && clear_marker(platform, error);
}
