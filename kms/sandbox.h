/* Giving up what a process does not need: core dumps, privileges, system calls. */
#pragma once

#include <glib.h>

/* For a process that is still setting up with files: no sockets, no exec, no ptrace, from now on. */
gboolean sandbox_forbid_network(GError **error);

/* Becomes `user` (a name or a number, its group likewise) with no supplementary groups, for good. Does nothing when the
 * process is not root or `user` is "". Core dumps stay off. */
gboolean sandbox_drop_privileges(const char *user, GError **error);
/* The same, but it can still bind low ports until sandbox_drop_privileges() is called. */
gboolean sandbox_keep_binding(const char *user, GError **error);

/* Makes a file or directory that user's own. Only root can. */
gboolean sandbox_give_to_user(const char *path, const char *user, GError **error);

typedef enum {
  SANDBOX_SETUP,     /* the front while keys are made: files, connections both ways; makes no process */
  SANDBOX_FRONT,     /* accepts connections; opens no file, makes no process */
  SANDBOX_VERIFIER,  /* reads and caches files, connects; accepts nothing, makes no process */
  SANDBOX_KEYHOLDER, /* its sockets, memory and the clock: anything else ends the process */
} SandboxRole;
/* Installs the role's system call filter in all threads, on top of one that is there. In every role: no other process is
 * made, signalled, traced or looked into, and no memory is both filled and run. Not in builds with a sanitizer, whose runtime needs other
 * calls. */
gboolean sandbox_enter(SandboxRole role, GError **error);
