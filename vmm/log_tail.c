#include "vmm/log_tail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 65536

static ssize_t read_at(int fd, char *buffer, gsize size, off_t offset) {
  ssize_t n;
  while ((n = pread(fd, buffer, size, offset)) < 0 && errno == EINTR)
    ;
  return n;
}

/* Walks back from the end until `lines` line ends, not counting one at the very end, lie behind. */
static off_t find_start(int fd, guint64 lines) {
  struct stat st;
  if (fstat(fd, &st) != 0)
    return 0;
  if (lines == 0)
    return st.st_size;
  char block[BLOCK_BYTES];
  for (off_t end = st.st_size; end > 0;) {
    off_t begin = end > BLOCK_BYTES ? end - BLOCK_BYTES : 0;
    ssize_t n = read_at(fd, block, (gsize)(end - begin), begin);
    if (n < end - begin)
      return begin; /* it shrank meanwhile */
    for (off_t at = end; at-- > begin;)
      if (block[at - begin] == '\n' && at + 1 != st.st_size && --lines == 0)
        return at + 1;
    end = begin;
  }
  return 0;
}

static void open_file(LogTail *tail) { tail->fd = open(tail->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); }

void log_tail_open(LogTail *tail, const char *path, guint64 lines) {
  *tail = (LogTail){.path = g_strdup(path)};
  open_file(tail);
  tail->offset = tail->fd >= 0 ? find_start(tail->fd, lines) : 0;
}

gsize log_tail_read(LogTail *tail, char *buffer, gsize size) {
  ssize_t n = tail->fd >= 0 ? read_at(tail->fd, buffer, size, tail->offset) : 0;
  if (n <= 0)
    return 0;
  tail->offset += n;
  return (gsize)n;
}

void log_tail_check(LogTail *tail) {
  struct stat ours, named;
  gboolean is_named = stat(tail->path, &named) == 0;
  gboolean have = tail->fd >= 0 && fstat(tail->fd, &ours) == 0;
  if (is_named && (!have || ours.st_ino != named.st_ino || ours.st_dev != named.st_dev)) {
    if (tail->fd >= 0)
      (void)close(tail->fd);
    open_file(tail);
    tail->offset = 0;
  } else if (have && ours.st_size < tail->offset) {
    tail->offset = 0;
  }
}

void log_tail_close(LogTail *tail) {
  if (tail->path && tail->fd >= 0)
    (void)close(tail->fd);
  g_clear_pointer(&tail->path, g_free);
  tail->fd = -1;
}
