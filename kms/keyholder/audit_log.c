#include "kms/keyholder/audit_log.h"

#include "audit/chain.h"
#include "audit/lines.h"
#include "audit/segments.h"
#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE 0700
#define FILE_MODE 0600
#define READ_WRITE (O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW)

struct AuditLog {
  int fd;
  off_t size; /* of whole lines */
  AuditChain chain;
  const Secret *key;
  gboolean sync_each;
  gboolean broken; /* what is in the file is not known: nothing may be added, nothing be released */
  gint64 sync_due; /* monotonic, microseconds; 0: all is on the disk */
  guint64 torn_bytes;
};

void audit_log_free(AuditLog *log) {
  if (!log)
    return;
  if (log->fd >= 0)
    (void)close(log->fd); /* every line was written whole, or reported */
  g_free(log);
}

guint64 audit_log_torn_bytes(const AuditLog *log) { return log->torn_bytes; }
guint64 audit_log_length(const AuditLog *log) { return log->chain.last; }

static gboolean open_segment(AuditLog *log, const char *dir, const char *name, int flags, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  struct stat st;
  if (log->fd >= 0)
    (void)close(log->fd); /* the one before this; nothing was written to it */
  log->fd = open(path, READ_WRITE | flags, FILE_MODE);
  if (log->fd < 0 || fstat(log->fd, &st) != 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    return FALSE;
  }
  if (!S_ISREG(st.st_mode)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not a regular file", path);
    return FALSE;
  }
  if (flock(log->fd, LOCK_EX | LOCK_NB) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "%s: another process writes it", path);
  return FALSE;
}

static gboolean begin_segment(AuditLog *log, const char *dir, guint number, GError **error) {
  g_autofree char *name = audit_segment_name(number);
  log->size = 0;
  if (!open_segment(log, dir, name, O_CREAT | O_EXCL, error))
    return FALSE;
  int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean synced = dir_fd >= 0 && fsync(dir_fd) == 0;
  if (!synced)
    dstack_set_errno(error, errno, "failed to sync %s", dir);
  if (dir_fd >= 0)
    (void)close(dir_fd); /* nothing was written through it */
  return synced;
}

static gboolean remove_torn(AuditLog *log, gsize bytes, GError **error) {
  log->torn_bytes = bytes;
  if (ftruncate(log->fd, log->size) == 0 && fsync(log->fd) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to remove a torn line");
  return FALSE;
}

/* Leaves the chain, and the size, behind the last whole line. */
static gboolean read_segment(AuditLog *log, const guint8 *public_key, GError **error) {
  g_autoptr(AuditLines) lines = audit_lines_new(log->fd, 0);
  const char *line;
  gsize len;
  AuditLinesStep step;
  while ((step = audit_lines_next(lines, &line, &len, error)) == AUDIT_LINES_ONE) {
    if (!audit_chain_add(&log->chain, line, len, NULL, error))
      return FALSE;
    AuditLine parsed;
    gboolean is_first = log->chain.first == log->chain.last; /* one signature tells whose log this is */
    if (is_first &&
        (!audit_line_read(line, len, &parsed, error) || !audit_line_check_signature(line, &parsed, public_key, error)))
      return FALSE;
    log->size = lines->offset;
  }
  return step == AUDIT_LINES_END || (step == AUDIT_LINES_TORN && remove_torn(log, len, error));
}

/* Opens the newest segment that has a line, *at, or the oldest one. There is at least one. */
static gboolean find_head(AuditLog *log, const char *dir, GPtrArray *names, const guint8 *public_key, guint *at,
                          GError **error) {
  for (*at = names->len; *at > 0 && log->chain.last == 0; (*at)--) {
    const char *name = names->pdata[*at - 1];
    log->size = 0;
    if (!open_segment(log, dir, name, 0, error))
      return FALSE;
    if (!read_segment(log, public_key, error)) {
      g_prefix_error(error, "%s/%s: after line %" G_GUINT64_FORMAT ": ", dir, name, log->chain.last);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean choose_segment(AuditLog *log, const char *dir, GError **error) {
  guint8 public_key[K256_PUBLIC_SIZE];
  guint at;
  g_autoptr(GPtrArray) names = audit_segments_list(dir, error);
  if (!names || !k256_public(log->key, public_key, error) || !find_head(log, dir, names, public_key, &at, error))
    return FALSE;
  const char *newest = names->pdata[names->len - 1];
  if (at + 1 == names->len)
    return log->size < AUDIT_SEGMENT_BYTES || begin_segment(log, dir, audit_segment_number(newest) + 1, error);
  log->size = 0; /* a crash came before the first line of the newest one */
  return open_segment(log, dir, newest, 0, error);
}

static gboolean prepare(const char *dir, GError **error) {
  if (!file_make_dirs(dir, DIR_MODE, error))
    return FALSE;
  g_autoptr(GPtrArray) names = audit_segments_list(dir, error);
  g_autoptr(AuditLog) log = g_new0(AuditLog, 1);
  log->fd = -1;
  return names && (names->len > 0 || begin_segment(log, dir, 1, error));
}

gboolean audit_log_prepare(const char *dir, GError **error) {
  if (prepare(dir, error))
    return TRUE;
  g_prefix_error(error, "audit log: ");
  return FALSE;
}

AuditLog *audit_log_open(const char *dir, gboolean sync_each, const Secret *key, GError **error) {
  g_autoptr(AuditLog) log = g_new0(AuditLog, 1);
  log->fd = -1;
  log->key = key;
  log->sync_each = sync_each;
  if (prepare(dir, error) && choose_segment(log, dir, error))
    return g_steal_pointer(&log);
  g_prefix_error(error, "audit log: ");
  return NULL;
}

/* A part of a line would make the next one unreadable. */
static gboolean write_whole(AuditLog *log, const char *text, gsize len, GError **error) {
  ssize_t n = write(log->fd, text, len);
  if (n == (ssize_t)len)
    return TRUE;
  if (n >= 0)
    errno = ENOSPC;
  dstack_set_errno(error, errno, "failed to write");
  if (ftruncate(log->fd, log->size) != 0)
    log->broken = TRUE;
  return FALSE;
}

static gboolean sync_now(AuditLog *log, GError **error) {
  log->sync_due = 0;
  if (fdatasync(log->fd) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to sync");
  log->broken = TRUE; /* after a failed sync nobody can say what the disk has */
  return FALSE;
}

static gboolean require_whole(const AuditLog *log, GError **error) {
  if (!log->broken)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed before: nothing is released until a restart");
  return FALSE;
}

static gboolean append(AuditLog *log, const json_t *members, GError **error) {
  if (!require_whole(log, error))
    return FALSE;
  g_autofree char *line =
      audit_line_write(log->chain.last + 1, g_get_real_time(), log->chain.head, members, log->key, error);
  if (!line)
    return FALSE;
  gsize len = strlen(line);
  AuditChain after = log->chain;
  g_autofree char *text = g_strconcat(line, "\n", NULL);
  if (!audit_chain_add(&after, line, len, NULL, error) || !write_whole(log, text, len + 1, error))
    return FALSE;
  log->chain = after;
  log->size += (off_t)len + 1;
  if (log->sync_each)
    return sync_now(log, error);
  if (log->sync_due == 0)
    log->sync_due = g_get_monotonic_time() + AUDIT_SYNC_SECONDS * G_USEC_PER_SEC;
  return TRUE;
}

gboolean audit_log_append(AuditLog *log, const json_t *members, GError **error) {
  if (append(log, members, error))
    return TRUE;
  g_prefix_error(error, "audit log: ");
  return FALSE;
}

gint audit_log_sync_due(const AuditLog *log) {
  if (log->sync_due == 0)
    return -1;
  gint64 left = log->sync_due - g_get_monotonic_time();
  return left > 0 ? (gint)(left / 1000) + 1 : 0;
}

gboolean audit_log_sync(AuditLog *log, GError **error) {
  if (audit_log_sync_due(log) != 0 || sync_now(log, error))
    return TRUE;
  g_prefix_error(error, "audit log: ");
  return FALSE;
}
