/* Child processes: argv arrays, never a shell; bounded output and time. */
#pragma once

#include <glib.h>

typedef struct {
  const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH when it has no '/' */
  const char *cwd;         /* NULL: inherited */
  const char *const *env;  /* NULL-terminated "NAME=value" list that replaces the environment; NULL: inherited */
  const void *input;       /* written to the child's standard input, which is /dev/null when NULL */
  gsize input_len;
  gsize max_output;        /* cap on stdout and stderr each, bytes; 0: 1 MiB */
  guint timeout_ms;        /* the child's process group gets SIGKILL after it; 0: 60 s */
} ProcessSpec;

typedef struct {
  int status;      /* wait status, as of waitpid(2) */
  char *output;    /* standard output, NUL-terminated */
  gsize output_len;
  char *errors;    /* standard error, NUL-terminated */
} ProcessResult;

void process_result_clear(ProcessResult *result);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ProcessResult, process_result_clear)

/* Runs a child to its end. FALSE only when it could not be run, ran too long or printed too much (NOT_FOUND, TIMEOUT,
 * TOO_LARGE, IO); look at result->status for how it ended. */
gboolean process_run(const ProcessSpec *spec, ProcessResult *result, GError **error);

/* As process_run(), and a status other than exit 0 is an error too: "<argv[0]> failed with status N: <last line of its
 * standard error>". `output` may be NULL; otherwise it gets standard output, to be freed with g_free(). */
gboolean process_check(const char *const *argv, char **output, GError **error);
