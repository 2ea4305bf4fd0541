#include "prpc/loop.h"

#include "base/error.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct PrpcLoop {
  struct event_base *base;
  struct event *wakeup;
  int wakeup_fd;
  GMutex lock;
  GCond delivered;
  GQueue letters;  /* of Letter, under the lock */
  GThread *thread; /* while running, under the lock */
};

typedef struct {
  PrpcLoopFunc func;
  gpointer data;
  gboolean *done; /* of a caller that waits, or NULL */
} Letter;

/* Runs letters until none is left. */
static void deliver(PrpcLoop *loop) {
  g_mutex_lock(&loop->lock);
  Letter *letter;
  while ((letter = g_queue_pop_head(&loop->letters))) {
    g_mutex_unlock(&loop->lock);
    letter->func(letter->data);
    g_mutex_lock(&loop->lock);
    if (letter->done) {
      *letter->done = TRUE;
      g_cond_broadcast(&loop->delivered);
    }
    g_free(letter);
  }
  g_mutex_unlock(&loop->lock);
}

static void on_wakeup(evutil_socket_t fd, short events, void *data) {
  (void)events; /* only ever readable */
  eventfd_t count;
  (void)eventfd_read(fd, &count); /* a spurious wakeup finds no letters */
  deliver(data);
}

PrpcLoop *prpc_loop_new(GError **error) {
  PrpcLoop *loop = g_new0(PrpcLoop, 1);
  g_mutex_init(&loop->lock);
  g_cond_init(&loop->delivered);
  loop->wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  loop->base = event_base_new();
  if (loop->wakeup_fd >= 0 && loop->base) {
    loop->wakeup = event_new(loop->base, loop->wakeup_fd, EV_READ | EV_PERSIST, on_wakeup, loop);
    event_add(loop->wakeup, NULL);
    return loop;
  }
  dstack_set_errno(error, errno, "failed to make an event loop");
  prpc_loop_free(loop);
  return NULL;
}

void prpc_loop_free(PrpcLoop *loop) {
  if (!loop)
    return;
  deliver(loop);
  g_clear_pointer(&loop->wakeup, event_free);
  g_clear_pointer(&loop->base, event_base_free);
  if (loop->wakeup_fd >= 0)
    (void)close(loop->wakeup_fd);
  g_mutex_clear(&loop->lock);
  g_cond_clear(&loop->delivered);
  g_free(loop);
}

struct event_base *prpc_loop_base(PrpcLoop *loop) {
  return loop->base;
}

void prpc_loop_run(PrpcLoop *loop) {
  g_mutex_lock(&loop->lock);
  loop->thread = g_thread_self();
  g_mutex_unlock(&loop->lock);
  event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
  for (gboolean left = TRUE; left;) {
    deliver(loop);
    g_mutex_lock(&loop->lock);
    left = !g_queue_is_empty(&loop->letters);
    if (!left)
      loop->thread = NULL;
    g_mutex_unlock(&loop->lock);
  }
}

static gpointer run_in_thread(gpointer loop) {
  prpc_loop_run(loop);
  return NULL;
}

GThread *prpc_loop_start(PrpcLoop *loop) {
  g_mutex_lock(&loop->lock);
  GThread *thread = g_thread_new("prpc", run_in_thread, loop);
  loop->thread = thread; /* from now on calls go through the mailbox */
  g_mutex_unlock(&loop->lock);
  return thread;
}

void prpc_loop_drain(PrpcLoop *loop) { deliver(loop); }

void prpc_loop_quit(PrpcLoop *loop) { event_base_loopbreak(loop->base); }

static void push(PrpcLoop *loop, PrpcLoopFunc func, gpointer data, gboolean *done) {
  Letter *letter = g_new(Letter, 1);
  *letter = (Letter){func, data, done};
  /* With letters there already, a wakeup is pending or the loop is at them: it goes on until none is left. */
  if (g_queue_is_empty(&loop->letters))
    (void)eventfd_write(loop->wakeup_fd, 1); /* can only fail when a wakeup is pending anyway */
  g_queue_push_tail(&loop->letters, letter);
}

void prpc_loop_post(PrpcLoop *loop, PrpcLoopFunc func, gpointer data) {
  g_mutex_lock(&loop->lock);
  push(loop, func, data, NULL);
  g_mutex_unlock(&loop->lock);
}

void prpc_loop_call(PrpcLoop *loop, PrpcLoopFunc func, gpointer data) {
  g_mutex_lock(&loop->lock);
  if (loop->thread && loop->thread != g_thread_self()) {
    gboolean done = FALSE;
    push(loop, func, data, &done);
    while (!done)
      g_cond_wait(&loop->delivered, &loop->lock);
    g_mutex_unlock(&loop->lock);
    return;
  }
  g_mutex_unlock(&loop->lock);
  func(data);
}
