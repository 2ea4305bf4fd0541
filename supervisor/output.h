/* Copies a child's output from its pipe to a log file, and goes over to a new file when the log was rotated
 * (spec: supervisor-and-cli A.4). */
#pragma once

#include <glib.h>

/* Takes the read end of a pipe, non-blocking, and lives until the pipe ends or `context` is destroyed. `path` is opened for
 * appending (mode 0640), and opened anew when the name has come to mean another file; what can not be written is discarded, so
 * that the child never waits. */
void output_follow(GMainContext *context, int fd, const char *path);
