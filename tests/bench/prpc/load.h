/* A load on a server's unix socket, and a bare evhttp server to compare with. */
#pragma once

#include <glib.h>
#include <sys/types.h>

/* Answers per second of the server at `path`, when each of `connections` kept connections sends `request` again as soon
 * as it was answered, for `seconds`. Ends the program when an answer is no "200". */
gdouble load_run(const char *path, const char *request, guint connections, gdouble seconds);

/* Sends `count` requests, taken in turn from the `n` given, over `connections` kept connections. Returns answers per
 * second. */
gdouble load_calls(const char *path, const char *const *requests, guint n, guint connections, gsize count);

/* Starts a child process that answers every request on the unix socket `path` with "hello", by evhttp alone. */
pid_t load_start_evhttp(const char *path);
void load_stop(pid_t child);

/* The median of `n` ratios; sorts them. */
gdouble load_median(gdouble *values, guint n);
/* Seconds of processor time a process has used so far, in user and kernel mode. */
gdouble load_cpu_seconds(pid_t pid);
/* Bytes of resident memory of a process. */
gsize load_resident(pid_t pid);
