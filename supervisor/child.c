#include "supervisor/child.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_PIPE_BYTES (256 * 1024) /* what fits while no supervisor reads */

static int open_pidfd(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

static void close_fd(int *fd) {
  if (*fd >= 0)
    (void)close(*fd);
  *fd = -1;
}

void child_close(Child *child) {
  close_fd(&child->pidfd);
  close_fd(&child->out_fd);
  close_fd(&child->err_fd);
  close_fd(&child->gate_fd);
  close_fd(&child->report_fd);
}

guint64 child_start_time(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/stat", pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  /* The second field is the program's name in parentheses and may itself hold spaces and parentheses. */
  const char *after_name = strrchr(text, ')');
  g_auto(GStrv) fields = after_name ? g_strsplit(after_name + 1, " ", 64) : NULL; /* fields[1] is field 3 */
  if (!fields || g_strv_length(fields) < 21 || *fields[1] == 'Z' || *fields[1] == 'X')
    return 0;
  return g_ascii_strtoull(fields[20], NULL, 10);
}

/* The child gets the pipe open for reading and writing: so there is always a reader, and it neither fails nor is ended by
 * SIGPIPE while the supervisor is away. The kernel holds what it writes until the next supervisor reads. */
static gboolean open_output(const char *path, int *read_end, int *child_end, GError **error) {
  *read_end = *child_end = -1;
  if (!*path) {
    *child_end = open("/dev/null", O_RDWR | O_CLOEXEC);
  } else {
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) == 0) {
      g_autofree char *link = g_strdup_printf("/proc/self/fd/%d", pipe_fds[1]);
      *read_end = pipe_fds[0];
      *child_end = open(link, O_RDWR | O_CLOEXEC);
      (void)fcntl(*read_end, F_SETPIPE_SZ, OUTPUT_PIPE_BYTES); /* the default size does too */
      (void)fcntl(*read_end, F_SETFL, O_NONBLOCK);
      (void)close(pipe_fds[1]);
    }
  }
  if (*child_end >= 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to make a pipe");
  close_fd(read_end);
  return FALSE;
}

typedef struct {
  char *program, **argv, **env;
  const char *cwd;
  int in, out, err, gate, report;
} Launch;

static void launch_clear(Launch *launch) {
  g_free(launch->program);
  g_free(launch->argv); /* borrows its strings */
  g_strfreev(launch->env);
  close_fd(&launch->in);
  close_fd(&launch->out);
  close_fd(&launch->err);
  close_fd(&launch->gate);
  close_fd(&launch->report);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Launch, launch_clear)

G_NORETURN static void fail_in_child(const Launch *launch) {
  int reason = errno;
  ssize_t ignored = write(launch->report, &reason, sizeof reason); /* the parent may be gone: nobody to tell */
  (void)ignored;
  _exit(127);
}

/* Runs between fork and exec in a program with threads: only async-signal-safe calls. */
G_NORETURN static void run_child(const Launch *launch) {
  sigset_t none;
  sigemptyset(&none);
  for (int signal_number = 1; signal_number < NSIG; signal_number++)
    (void)signal(signal_number, SIG_DFL); /* a few can not be set: they have their default already */
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  (void)setsid(); /* a fresh child leads no group: can not fail */
  char go;
  if (read(launch->gate, &go, 1) != 1) /* nothing can fail before: the parent never writes to a gate nobody holds */
    _exit(127);
  if (dup2(launch->in, STDIN_FILENO) < 0 || dup2(launch->out, STDOUT_FILENO) < 0 || dup2(launch->err, STDERR_FILENO) < 0)
    fail_in_child(launch);
  if (*launch->cwd && chdir(launch->cwd) != 0)
    fail_in_child(launch);
  execve(launch->program, launch->argv, launch->env);
  fail_in_child(launch);
}

static char *find_program(const ProcessConfig *config, GError **error) {
  if (strchr(config->command, '/'))
    return g_strdup(config->command);
  char *program = g_find_program_in_path(config->command);
  if (!program)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "failed to run %s: no such program in PATH", config->command);
  return program;
}

static gboolean prepare(const ProcessConfig *config, Child *child, Launch *launch, GError **error) {
  launch->program = find_program(config, error);
  if (!launch->program)
    return FALSE;
  guint n_args = g_strv_length(config->args);
  launch->argv = g_new0(char *, n_args + 2);
  launch->argv[0] = config->command;
  memcpy(launch->argv + 1, config->args, n_args * sizeof(char *));
  launch->env = process_config_environment(config);
  launch->cwd = config->cwd;
  if (!open_output(config->out_path, &child->out_fd, &launch->out, error) ||
      !open_output(config->err_path, &child->err_fd, &launch->err, error))
    return FALSE;
  launch->in = open("/dev/null", O_RDONLY | O_CLOEXEC);
  int gate[2], report[2];
  if (launch->in < 0 || pipe2(gate, O_CLOEXEC) != 0) {
    dstack_set_errno(error, errno, "failed to make a pipe");
    return FALSE;
  }
  launch->gate = gate[0];
  child->gate_fd = gate[1];
  if (pipe2(report, O_CLOEXEC) != 0) {
    dstack_set_errno(error, errno, "failed to make a pipe");
    return FALSE;
  }
  child->report_fd = report[0];
  launch->report = report[1];
  return TRUE;
}

gboolean child_fork(const ProcessConfig *config, Child *child, GError **error) {
  *child = CHILD_NONE;
  g_auto(Launch) launch = {.in = -1, .out = -1, .err = -1, .gate = -1, .report = -1};
  if (!prepare(config, child, &launch, error)) {
    child_close(child);
    return FALSE;
  }
  int parent_gate = child->gate_fd;
  child->pid = fork();
  if (child->pid == 0) {
    (void)close(parent_gate); /* else the gate would never report that the supervisor died */
    run_child(&launch);
  }
  if (child->pid > 0)
    child->pidfd = open_pidfd(child->pid);
  if (child->pid < 0 || child->pidfd < 0) {
    dstack_set_errno(error, errno, "failed to run %s", config->command);
    child_abandon(child);
    return FALSE;
  }
  child->start_time = child_start_time(child->pid);
  return TRUE;
}

static void reap(pid_t pid) {
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
    ;
}

void child_abandon(Child *child) {
  child_close(child); /* a shut gate ends it */
  if (child->pid > 0)
    reap(child->pid);
  child->pid = -1;
}

gboolean child_release(Child *child, const ProcessConfig *config, GError **error) {
  int reason = 0;
  if (write(child->gate_fd, "g", 1) != 1)
    reason = errno;
  close_fd(&child->gate_fd);
  ssize_t n;
  int reported;
  while ((n = read(child->report_fd, &reported, sizeof reported)) < 0 && errno == EINTR)
    ;
  close_fd(&child->report_fd);
  if (n == sizeof reported)
    reason = reported;
  if (reason == 0)
    return TRUE;
  dstack_set_errno(error, reason, "failed to run %s%s%s", config->command, *config->cwd ? " in " : "", config->cwd);
  child_abandon(child);
  return FALSE;
}

static int reopen_output(pid_t pid, int descriptor) {
  g_autofree char *path = g_strdup_printf("/proc/%d/fd/%d", pid, descriptor);
  return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
}

gboolean child_find(pid_t pid, guint64 start_time, gboolean with_out, gboolean with_err, Child *child) {
  *child = CHILD_NONE;
  child->pidfd = open_pidfd(pid);
  /* The order matters: once the descriptor is open, the pid can not pass to another process unnoticed. */
  if (child->pidfd < 0 || start_time == 0 || child_start_time(pid) != start_time) {
    child_close(child);
    return FALSE;
  }
  child->pid = pid;
  child->start_time = start_time;
  if (with_out)
    child->out_fd = reopen_output(pid, STDOUT_FILENO);
  if (with_err)
    child->err_fd = reopen_output(pid, STDERR_FILENO);
  return TRUE;
}

void child_signal(const Child *child, int signal_number) {
  /* The leader is alive or an unreaped zombie whenever this is called, so the group's number is still its own. */
  if (syscall(SYS_pidfd_send_signal, child->pidfd, signal_number, NULL, 0) == 0)
    (void)kill(-child->pid, signal_number); /* a group that is gone already is what we want */
}
