#include "audit/lines.h"

#include "base/error.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE (4 * AUDIT_MAX_LINE)

AuditLines *audit_lines_new(int fd, off_t offset) {
  AuditLines *lines = g_new0(AuditLines, 1);
  lines->fd = fd;
  lines->offset = offset;
  lines->buffer = g_malloc(BUFFER_SIZE);
  return lines;
}

void audit_lines_free(AuditLines *lines) {
  if (!lines)
    return;
  g_free(lines->buffer);
  g_free(lines);
}

static gboolean fill(AuditLines *lines, GError **error) {
  memmove(lines->buffer, lines->buffer + lines->start, lines->end - lines->start);
  lines->end -= lines->start;
  lines->start = 0;
  ssize_t n;
  do
    n = pread(lines->fd, lines->buffer + lines->end, BUFFER_SIZE - lines->end, lines->offset + (off_t)lines->end);
  while (n < 0 && errno == EINTR);
  if (n < 0) {
    dstack_set_errno(error, errno, "failed to read");
    return FALSE;
  }
  lines->at_end = n == 0;
  lines->end += (gsize)n;
  return TRUE;
}

AuditLinesStep audit_lines_next(AuditLines *lines, const char **line, gsize *len, GError **error) {
  const char *newline;
  while (!(newline = memchr(lines->buffer + lines->start, '\n', lines->end - lines->start)) &&
         lines->end - lines->start <= AUDIT_MAX_LINE && !lines->at_end)
    if (!fill(lines, error))
      return AUDIT_LINES_FAILED;
  *line = lines->buffer + lines->start;
  *len = newline ? (gsize)(newline - *line) : lines->end - lines->start;
  if (*len > AUDIT_MAX_LINE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "line is over %d bytes", AUDIT_MAX_LINE);
    return AUDIT_LINES_FAILED;
  }
  if (!newline)
    return *len ? AUDIT_LINES_TORN : AUDIT_LINES_END;
  lines->start += *len + 1;
  lines->offset += (off_t)*len + 1;
  return AUDIT_LINES_ONE;
}
