#include "kms/audit_reader.h"

#include "audit/lines.h"
#include "audit/segments.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
  int fd;
  guint64 first; /* seq of its first line */
} Segment;

struct AuditReader {
  GArray *segments; /* oldest first; never empty */
};

static void segment_clear(gpointer data) { (void)close(((Segment *)data)->fd); /* was only read */ }

static gboolean read_first(Segment *segment, gboolean is_only, GError **error) {
  g_autoptr(AuditLines) lines = audit_lines_new(segment->fd, 0);
  const char *line;
  gsize len;
  AuditLine parsed;
  AuditLinesStep step = audit_lines_next(lines, &line, &len, error);
  if (step == AUDIT_LINES_ONE && audit_line_read(line, len, &parsed, error)) {
    segment->first = parsed.seq;
    return TRUE;
  }
  if (step == AUDIT_LINES_END && is_only) {
    segment->first = 1;
    return TRUE;
  }
  if (step == AUDIT_LINES_END || step == AUDIT_LINES_TORN)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no line in it");
  return FALSE;
}

static gboolean add_segment(AuditReader *reader, const char *dir, const char *name, gboolean is_only, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  Segment segment = {.fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (segment.fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", path);
    return FALSE;
  }
  if (read_first(&segment, is_only, error)) {
    g_array_append_val(reader->segments, segment);
    return TRUE;
  }
  g_prefix_error(error, "%s: ", path);
  segment_clear(&segment);
  return FALSE;
}

AuditReader *audit_reader_open(const char *dir, GError **error) {
  g_autoptr(GPtrArray) names = audit_segments_list(dir, error);
  if (!names)
    return NULL;
  g_autoptr(AuditReader) reader = g_new0(AuditReader, 1);
  reader->segments = g_array_new(FALSE, FALSE, sizeof(Segment));
  g_array_set_clear_func(reader->segments, segment_clear);
  for (guint i = names->len > AUDIT_READER_SEGMENTS ? names->len - AUDIT_READER_SEGMENTS : 0; i < names->len; i++)
    if (!add_segment(reader, dir, names->pdata[i], names->len == 1, error))
      return NULL;
  if (reader->segments->len > 0)
    return g_steal_pointer(&reader);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "%s: no audit log in it", dir);
  return NULL;
}

void audit_reader_free(AuditReader *reader) {
  if (!reader)
    return;
  g_array_unref(reader->segments);
  g_free(reader);
}

/* Lines follow each other without a gap, so that counting them is enough. */
static gboolean read_segment(const Segment *segment, guint64 since, guint limit, GPtrArray *page, gsize *bytes,
                             GError **error) {
  g_autoptr(AuditLines) lines = audit_lines_new(segment->fd, 0);
  guint64 seq = segment->first;
  while (page->len < limit && *bytes < AUDIT_PAGE_BYTES) {
    const char *line;
    gsize len;
    AuditLinesStep step = audit_lines_next(lines, &line, &len, error);
    if (step != AUDIT_LINES_ONE)
      return step != AUDIT_LINES_FAILED; /* a torn line is being written just now */
    if (seq++ <= since)
      continue;
    g_ptr_array_add(page, g_strndup(line, len));
    *bytes += len + 1;
  }
  return TRUE;
}

/* The newest segment whose first line comes no later than the line wanted. */
static guint find_segment(const AuditReader *reader, guint64 wanted) {
  guint at = reader->segments->len - 1;
  while (at > 0 && g_array_index(reader->segments, Segment, at).first > wanted)
    at--;
  return at;
}

GPtrArray *audit_reader_page(AuditReader *reader, guint64 since, guint limit, GError **error) {
  g_autoptr(GPtrArray) page = g_ptr_array_new_with_free_func(g_free);
  guint64 oldest = g_array_index(reader->segments, Segment, 0).first, wanted = since + 1;
  gsize bytes = 0;
  if (wanted < oldest) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND,
                "lines before %" G_GUINT64_FORMAT " are in older files only", oldest);
    return NULL;
  }
  for (guint i = find_segment(reader, wanted); i < reader->segments->len; i++)
    if (!read_segment(&g_array_index(reader->segments, Segment, i), since, MIN(limit, AUDIT_PAGE_LINES), page, &bytes,
                      error))
      return NULL;
  return g_steal_pointer(&page);
}

/* Where the last line can't begin after. */
static off_t near_end(int fd) {
  struct stat st;
  off_t reach = 2 * (AUDIT_MAX_LINE + 1); /* the last one may be torn just now */
  return fstat(fd, &st) == 0 && st.st_size > reach ? st.st_size - reach : 0;
}

gboolean audit_reader_head(AuditReader *reader, AuditHead *out, GError **error) {
  const Segment *newest = &g_array_index(reader->segments, Segment, reader->segments->len - 1);
  g_autoptr(AuditLines) lines = audit_lines_new(newest->fd, near_end(newest->fd));
  const char *line;
  gsize len;
  AuditLine parsed;
  *out = (AuditHead){0};
  while (audit_lines_next(lines, &line, &len, error) == AUDIT_LINES_ONE) {
    if (!audit_line_read(line, len, &parsed, NULL))
      continue; /* the reading began within it */
    out->seq = parsed.seq;
    digest_sha256(line, len, out->hash);
  }
  if (out->seq != 0)
    return TRUE;
  if (error && !*error)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no line at the end of the audit log");
  return FALSE;
}
