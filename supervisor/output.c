#include "supervisor/output.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK_BYTES 8192

typedef struct {
  int pipe_fd, file_fd;
  char *path;
  gboolean complained; /* say once that a file can not be written, not for every block */
} Output;

static void output_free(gpointer data) {
  Output *output = data;
  (void)close(output->pipe_fd);
  if (output->file_fd >= 0)
    (void)close(output->file_fd);
  g_free(output->path);
  g_free(output);
}

static void open_file(Output *output) {
  output->file_fd = open(output->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
  if (output->file_fd < 0 && !output->complained)
    log_warn("failed to open %s: %s; this output is discarded", output->path, g_strerror(errno));
  output->complained = output->file_fd < 0;
}

static gboolean file_was_rotated(Output *output) {
  struct stat ours, named;
  return fstat(output->file_fd, &ours) != 0 || stat(output->path, &named) != 0 || ours.st_ino != named.st_ino ||
         ours.st_dev != named.st_dev;
}

static void append(Output *output, const char *data, gsize len) {
  if (output->file_fd >= 0 && file_was_rotated(output)) {
    (void)fsync(output->file_fd); /* the old log is complete as far as we can tell */
    (void)close(output->file_fd);
    output->file_fd = -1;
  }
  if (output->file_fd < 0)
    open_file(output);
  while (output->file_fd >= 0 && len > 0) {
    ssize_t n = write(output->file_fd, data, len);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      log_warn("failed to write %s: %s", output->path, g_strerror(errno));
      (void)close(output->file_fd);
      output->file_fd = -1;
      return;
    }
    data += n;
    len -= (gsize)n;
  }
}

static gboolean on_readable(gint fd, GIOCondition condition, gpointer data) {
  (void)condition;
  char block[BLOCK_BYTES];
  ssize_t n = read(fd, block, sizeof block);
  if (n > 0)
    append(data, block, (gsize)n);
  return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

void output_follow(GMainContext *context, int fd, const char *path) {
  Output *output = g_new0(Output, 1);
  output->pipe_fd = fd;
  output->path = g_strdup(path);
  open_file(output); /* an empty log shows that the process was started */
  g_autoptr(GSource) source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
  g_source_set_callback(source, G_SOURCE_FUNC(on_readable), output, output_free);
  g_source_attach(source, context);
}
