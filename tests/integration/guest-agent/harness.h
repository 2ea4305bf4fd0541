/* The laptop's simulator as a child process in a directory of its own, and calls to its sockets. One for a test program. */
#pragma once

#include "prpc/client.h"
#include "prpc/message.h"

#include <sys/types.h>

/* Makes the directory with the files the simulator comes with; and removes it. */
void simulator_set_up(void);
void simulator_tear_down(void);
/* Waits until it answers. The environment is this process's. */
void simulator_start(void);
/* The status of waitpid(). */
int simulator_stop(int signal_number);
pid_t simulator_pid(void);
const char *simulator_dir(void);
/* Path of a file in the directory. Newly allocated. */
char *simulator_path(const char *name);

/* `prefix` is the mount, or "". */
PrpcClient *simulator_client(const char *socket_name, const char *prefix);
PrpcMessage *simulator_call(const char *socket_name, const char *prefix, const char *method, const PrpcMessage *request,
                            const ProtobufCMessageDescriptor *type, GError **error);
/* Ends the program unless the answer has that status and begins so. `body` may be NULL. */
void simulator_assert_http(const char *socket_name, const char *verb, const char *path, const char *type,
                           const char *body, int expected_status, const char *expected_start);
/* A connected socket. */
int simulator_connect(const char *socket_name);
/* Sends bytes, closes the write side, and returns all that comes back. */
char *simulator_exchange(const char *socket_name, const void *data, gsize len);
