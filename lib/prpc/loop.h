/* Inside lib/prpc: the one thread that owns all sockets, and the mailbox by which other threads reach it. */
#pragma once

#include <event2/event.h>
#include <glib.h>

typedef struct PrpcLoop PrpcLoop;
typedef void (*PrpcLoopFunc)(gpointer data);

PrpcLoop *prpc_loop_new(GError **error);
/* Must not be running any more. Letters left are delivered first. */
void prpc_loop_free(PrpcLoop *loop);
struct event_base *prpc_loop_base(PrpcLoop *loop);

/* Runs in the calling thread until prpc_loop_quit(), which belongs to the loop's own thread. */
void prpc_loop_run(PrpcLoop *loop);
/* The same in a thread of its own, to be joined. */
GThread *prpc_loop_start(PrpcLoop *loop);
void prpc_loop_quit(PrpcLoop *loop);
/* Delivers what is in the mailbox of a loop that runs no more. */
void prpc_loop_drain(PrpcLoop *loop);

/* Runs `func` on the loop's thread, in order. Before and after the run it waits in the mailbox. */
void prpc_loop_post(PrpcLoop *loop, PrpcLoopFunc func, gpointer data);
/* As prpc_loop_post(), and returns when it is done. At once in the calling thread when the loop does not run. */
void prpc_loop_call(PrpcLoop *loop, PrpcLoopFunc func, gpointer data);
