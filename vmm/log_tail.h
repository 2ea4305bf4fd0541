/* A growing log file: where its last lines begin, and reading on through truncation and rotation. */
#pragma once

#include <glib.h>
#include <sys/types.h>

typedef struct {
  char *path;
  int fd; /* -1: not there (yet) */
  off_t offset;
} LogTail;

/* Begins before the last `lines` lines. A missing file is no error. */
void log_tail_open(LogTail *tail, const char *path, guint64 lines);
/* Reads on. 0 when there is nothing new now. */
gsize log_tail_read(LogTail *tail, char *buffer, gsize size);
/* Goes back to the start of a file that was truncated or made anew since the last read. */
void log_tail_check(LogTail *tail);
void log_tail_close(LogTail *tail);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LogTail, log_tail_close)
