#include "tdx/runtime_log.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "tdx/event_log_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---- what was read last ---- */

struct TdxRuntimeCache {
  struct stat state; /* of the file */
  TdxEventLog *log;
  guint8 rtmr3[TDX_MR_SIZE]; /* that it replays to */
};

void runtime_cache_free(TdxRuntimeCache *cache) {
  if (!cache)
    return;
  g_ptr_array_unref(cache->log);
  g_free(cache);
}

/* The file only grows, so that its size alone tells one state from another; the rest tells a file put in its place. */
static gboolean is_current(const TdxRuntimeCache *cache, const struct stat *state) {
  return cache && cache->state.st_dev == state->st_dev && cache->state.st_ino == state->st_ino &&
         cache->state.st_size == state->st_size && cache->state.st_mtim.tv_sec == state->st_mtim.tv_sec &&
         cache->state.st_mtim.tv_nsec == state->st_mtim.tv_nsec;
}

static TdxEventLog *copy_log(TdxEventLog *log) {
  TdxEventLog *copy = tdx_event_log_new();
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    TdxEvent *twin = tdx_event_new(event->imr, event->type, event->digest, event->name, event->payload);
    twin->version = event->version;
    g_ptr_array_add(copy, twin);
  }
  return copy;
}

static void remember(TdxPlatform *platform, const struct stat *state, TdxEventLog *log, const guint8 rtmr3[TDX_MR_SIZE]) {
  runtime_cache_free(platform->runtime_cache);
  platform->runtime_cache = g_new0(TdxRuntimeCache, 1);
  platform->runtime_cache->state = *state;
  platform->runtime_cache->log = copy_log(log);
  memcpy(platform->runtime_cache->rtmr3, rtmr3, TDX_MR_SIZE);
}

/* The log as it stands in the file, and what it replays to. */
static TdxEventLog *current_log(TdxPlatform *platform, guint8 rtmr3[TDX_MR_SIZE], GError **error) {
  struct stat state;
  gboolean exists = lstat(platform->runtime_log_path, &state) == 0;
  if (exists && is_current(platform->runtime_cache, &state)) {
    memcpy(rtmr3, platform->runtime_cache->rtmr3, TDX_MR_SIZE);
    return copy_log(platform->runtime_cache->log);
  }
  g_autoptr(TdxEventLog) log = read_lines(platform->runtime_log_path, error);
  if (!log || !tdx_replay(log, TDX_RUNTIME_RTMR, NULL, rtmr3, error))
    return NULL;
  if (exists)
    remember(platform, &state, log, rtmr3);
  return g_steal_pointer(&log);
}

static gboolean check_value(TdxPlatform *platform, const guint8 replayed[TDX_MR_SIZE], GError **error) {
  guint8 current[TDX_MR_SIZE];
  if (!platform->ops->read_rtmr(platform, TDX_RUNTIME_RTMR, current, error))
    return FALSE;
  if (memcmp(replayed, current, sizeof current) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "runtime event log does not replay to rtmr3");
  return FALSE;
}

static gboolean check_register(TdxPlatform *platform, TdxEventLog *log, GError **error) {
  guint8 replayed[TDX_MR_SIZE];
  return tdx_replay(log, TDX_RUNTIME_RTMR, NULL, replayed, error) && check_value(platform, replayed, error);
}

TdxEventLog *runtime_log_read(TdxPlatform *platform, guint8 rtmr3[TDX_MR_SIZE], GError **error) {
  return check_marker(platform, error) ? current_log(platform, rtmr3, error) : NULL;
}

TdxEventLog *runtime_log_load(TdxPlatform *platform, GError **error) {
  guint8 replayed[TDX_MR_SIZE];
  g_autoptr(TdxEventLog) log = runtime_log_read(platform, replayed, error);
  return log && check_value(platform, replayed, error) ? g_steal_pointer(&log) : NULL;
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
