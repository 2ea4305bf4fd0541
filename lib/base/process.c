#include "base/process.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEFAULT_MAX_OUTPUT (1024 * 1024)
#define DEFAULT_TIMEOUT_MS 60000

extern char **environ;

enum { STREAM_INPUT, STREAM_OUTPUT, STREAM_ERRORS, N_STREAMS };

typedef struct {
  pid_t pid;
  int fds[N_STREAMS]; /* our ends; -1 when closed */
  gsize input_done;
  GString *collected[N_STREAMS];
} Child;

void process_result_clear(ProcessResult *result) {
  g_clear_pointer(&result->output, g_free);
  g_clear_pointer(&result->errors, g_free);
}

static void close_fd(int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
  *fd = -1;
}

static gboolean open_pipes(int pipes[N_STREAMS][2], GError **error) {
  for (guint i = 0; i < N_STREAMS; i++)
    pipes[i][0] = pipes[i][1] = -1;
  for (guint i = 0; i < N_STREAMS; i++) {
    if (pipe2(pipes[i], O_CLOEXEC) != 0) {
      dstack_set_errno(error, errno, "failed to make a pipe");
      for (guint j = 0; j < i; j++)
        close_fd(&pipes[j][0]), close_fd(&pipes[j][1]);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean spawn(const ProcessSpec *spec, Child *child, GError **error) {
  int pipes[N_STREAMS][2];
  if (!open_pipes(pipes, error))
    return FALSE;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  if (spec->input)
    posix_spawn_file_actions_adddup2(&actions, pipes[STREAM_INPUT][0], STDIN_FILENO);
  else
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, pipes[STREAM_OUTPUT][1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipes[STREAM_ERRORS][1], STDERR_FILENO);
  if (spec->cwd)
    posix_spawn_file_actions_addchdir_np(&actions, spec->cwd);
  /* A group of its own, so that a time-out ends grandchildren too. */
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  int rc = posix_spawnp(&child->pid, spec->argv[0], &actions, &attributes, (char *const *)spec->argv,
                        spec->env ? (char *const *)spec->env : environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close_fd(&pipes[STREAM_INPUT][0]);
  close_fd(&pipes[STREAM_OUTPUT][1]);
  close_fd(&pipes[STREAM_ERRORS][1]);
  child->fds[STREAM_INPUT] = pipes[STREAM_INPUT][1];
  child->fds[STREAM_OUTPUT] = pipes[STREAM_OUTPUT][0];
  child->fds[STREAM_ERRORS] = pipes[STREAM_ERRORS][0];
  if (rc != 0) {
    for (guint i = 0; i < N_STREAMS; i++)
      close_fd(&child->fds[i]);
    dstack_set_errno(error, rc, "failed to run %s", spec->argv[0]);
    return FALSE;
  }
  if (!spec->input)
    close_fd(&child->fds[STREAM_INPUT]);
  else
    (void)fcntl(child->fds[STREAM_INPUT], F_SETFL, O_NONBLOCK);
  return TRUE;
}

static void feed_input(Child *child, const ProcessSpec *spec) {
  gsize left = spec->input_len - child->input_done;
  ssize_t n = left ? write(child->fds[STREAM_INPUT], (const char *)spec->input + child->input_done, left) : 0;
  if (n > 0)
    child->input_done += (gsize)n;
  else if (n < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  else if (n < 0)
    close_fd(&child->fds[STREAM_INPUT]); /* the child does not read: its own affair */
  if (child->input_done == spec->input_len)
    close_fd(&child->fds[STREAM_INPUT]);
}

static gboolean collect(Child *child, guint stream, gsize max, const char *name, GError **error) {
  char chunk[16384];
  ssize_t n = read(child->fds[stream], chunk, sizeof chunk);
  if (n < 0 && errno == EINTR)
    return TRUE;
  if (n <= 0) {
    close_fd(&child->fds[stream]);
    return TRUE;
  }
  if ((gsize)n > max - child->collected[stream]->len) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%s printed more than %" G_GSIZE_FORMAT " bytes", name, max);
    return FALSE;
  }
  g_string_append_len(child->collected[stream], chunk, n);
  return TRUE;
}

static gboolean pump(Child *child, const ProcessSpec *spec, GError **error) {
  gsize max = spec->max_output ? spec->max_output : DEFAULT_MAX_OUTPUT;
  guint timeout_ms = spec->timeout_ms ? spec->timeout_ms : DEFAULT_TIMEOUT_MS;
  gint64 deadline = g_get_monotonic_time() + (gint64)timeout_ms * 1000;
  while (child->fds[STREAM_OUTPUT] >= 0 || child->fds[STREAM_ERRORS] >= 0) {
    gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
    struct pollfd polled[N_STREAMS];
    for (guint i = 0; i < N_STREAMS; i++)
      polled[i] = (struct pollfd){.fd = child->fds[i], .events = i == STREAM_INPUT ? POLLOUT : POLLIN};
    if (left_ms <= 0 || poll(polled, N_STREAMS, (int)MIN(left_ms, G_MAXINT)) == 0) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "%s did not end within %u ms", spec->argv[0], timeout_ms);
      return FALSE;
    }
    if (polled[STREAM_INPUT].revents)
      feed_input(child, spec);
    for (guint i = STREAM_OUTPUT; i < N_STREAMS; i++)
      if (polled[i].revents && !collect(child, i, max, spec->argv[0], error))
        return FALSE;
  }
  return TRUE;
}

gboolean process_run(const ProcessSpec *spec, ProcessResult *result, GError **error) {
  *result = (ProcessResult){0};
  Child child = {.pid = -1};
  if (!spawn(spec, &child, error))
    return FALSE;
  child.collected[STREAM_OUTPUT] = g_string_new(NULL);
  child.collected[STREAM_ERRORS] = g_string_new(NULL);
  gboolean pumped = pump(&child, spec, error);
  if (!pumped)
    (void)kill(-child.pid, SIGKILL);
  for (guint i = 0; i < N_STREAMS; i++)
    close_fd(&child.fds[i]);
  while (waitpid(child.pid, &result->status, 0) < 0 && errno == EINTR)
    ;
  result->output_len = child.collected[STREAM_OUTPUT]->len;
  result->output = g_string_free(child.collected[STREAM_OUTPUT], FALSE);
  result->errors = g_string_free(child.collected[STREAM_ERRORS], FALSE);
  if (!pumped)
    process_result_clear(result);
  return pumped;
}

static const char *last_line(char *text) {
  g_strchomp(text);
  const char *newline = strrchr(text, '\n');
  return newline ? newline + 1 : text;
}

gboolean process_check(const char *const *argv, char **output, GError **error) {
  g_auto(ProcessResult) result = {0};
  ProcessSpec spec = {.argv = argv};
  if (!process_run(&spec, &result, error))
    return FALSE;
  if (result.status != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "%s failed with status %d: %s", argv[0],
                WIFEXITED(result.status) ? WEXITSTATUS(result.status) : -WTERMSIG(result.status),
                last_line(result.errors));
    return FALSE;
  }
  if (output)
    *output = g_steal_pointer(&result.output);
  return TRUE;
}
