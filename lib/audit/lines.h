/* Reads an open file line by line, by offset: several readers may share a descriptor. */
#pragma once

#include "audit/line.h"

#include <sys/types.h>

typedef struct {
  int fd;       /* stays the caller's */
  off_t offset; /* in the file, of the line that comes next */
  char *buffer;
  gsize start, end; /* what of the buffer was not given out yet */
  gboolean at_end;
} AuditLines;
AuditLines *audit_lines_new(int fd, off_t offset);
void audit_lines_free(AuditLines *lines);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AuditLines, audit_lines_free)

typedef enum {
  AUDIT_LINES_ONE,   /* *line has *len bytes, without the newline, until the next call */
  AUDIT_LINES_END,   /* the file ends with a newline, or is empty */
  AUDIT_LINES_TORN,  /* the file ends within a line: *line has what is there of it */
  AUDIT_LINES_FAILED /* *error: IO, or TOO_LARGE for a line over AUDIT_MAX_LINE */
} AuditLinesStep;
AuditLinesStep audit_lines_next(AuditLines *lines, const char **line, gsize *len, GError **error);
