/* One child process: started in two steps, so that it is on record before its program runs, and found again by pid and
 * start time after the supervisor was restarted. */
#pragma once

#include "supervisor/process_config.h"

#include <glib.h>
#include <sys/types.h>

typedef struct {
  pid_t pid;          /* also its session and process group */
  guint64 start_time; /* clock ticks since boot: with the pid, unique until the next boot */
  int pidfd;          /* readable when it has ended; -1 when there is none */
  int out_fd, err_fd; /* read ends of its output; -1 when discarded */
  int gate_fd;        /* child_release() opens the gate through it; -1 afterwards */
  int report_fd;      /* tells why the program could not be run; -1 afterwards */
} Child;

#define CHILD_NONE ((Child){.pid = -1, .pidfd = -1, .out_fd = -1, .err_fd = -1, .gate_fd = -1, .report_fd = -1})

/* Forks a child that waits at the gate. Should the supervisor die before it releases the child, the child ends itself.
 * Errors: NOT_FOUND (no such program), IO. */
gboolean child_fork(const ProcessConfig *config, Child *child, GError **error);
/* Lets the child run its program and returns when the program has been entered. On error (also a missing working directory)
 * the child is gone. */
gboolean child_release(Child *child, const ProcessConfig *config, GError **error);
/* Ends and reaps a child that was not released. */
void child_abandon(Child *child);

/* Finds a process that an earlier supervisor started. Its output is taken up again where it was left, when `with_out` and
 * `with_err` say that there is one. FALSE when it has ended. */
gboolean child_find(pid_t pid, guint64 start_time, gboolean with_out, gboolean with_err, Child *child);
/* Start time of a live process that is no zombie; 0 when there is none. */
guint64 child_start_time(pid_t pid);

/* Sends a signal to the child and to everything in its process group. */
void child_signal(const Child *child, int signal_number);
/* Closes what is open; does not end the process. */
void child_close(Child *child);
