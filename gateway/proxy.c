#include "proxy.h"

#include "proxy_loop.h"

#include "base/error.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define BATCH 128
#define TICK_MS 500
#define MAX_SPARE_BUFFERS 256

struct ProxyLoop {
  Proxy *proxy;
  GThread *thread;
  int epoll, listener, wake;
  GQueue connections, graveyard;
  GPtrArray *spare_buffers;
  gint64 accept_again_us; /* not before, after running out of descriptors */
};

struct Proxy {
  ProxyOptions options;
  ProxyLoop *loops;
  guint n_loops;
  guint16 port;
  gint n_connections; /* atomic */
  gint stopping;      /* atomic */
};

const ProxyOptions *proxy_loop_options(ProxyLoop *loop) { return &loop->proxy->options; }

void proxy_loop_watch(ProxyLoop *loop, Endpoint *endpoint, guint32 interest) {
  if (endpoint->watched ? endpoint->interest == interest : interest == 0)
    return;
  struct epoll_event event = {.events = interest, .data.ptr = endpoint};
  int operation = interest == 0 ? EPOLL_CTL_DEL : endpoint->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  if (epoll_ctl(loop->epoll, operation, endpoint->fd, &event) != 0)
    log_error("epoll: %s", g_strerror(errno));
  endpoint->interest = interest;
  endpoint->watched = interest != 0;
}

void proxy_loop_forget(ProxyLoop *loop, Endpoint *endpoint) {
  if (endpoint->fd < 0)
    return;
  proxy_loop_watch(loop, endpoint, 0); /* a duplicate of the descriptor may live on and would stay in the set */
  (void)close(endpoint->fd);
  endpoint->fd = -1;
}

guint8 *proxy_loop_take_buffer(ProxyLoop *loop) {
  if (loop->spare_buffers->len > 0)
    return g_ptr_array_steal_index_fast(loop->spare_buffers, loop->spare_buffers->len - 1);
  return g_malloc(loop->proxy->options.buffer_size);
}

void proxy_loop_give_buffer(ProxyLoop *loop, guint8 *buffer) {
  if (loop->spare_buffers->len < MAX_SPARE_BUFFERS)
    g_ptr_array_add(loop->spare_buffers, buffer);
  else
    g_free(buffer);
}

void proxy_loop_add(ProxyLoop *loop, Connection *connection) {
  g_atomic_int_inc(&loop->proxy->n_connections);
  g_queue_push_tail_link(&loop->connections, &connection->link);
}

void proxy_loop_bury(ProxyLoop *loop, Connection *connection) {
  g_atomic_int_add(&loop->proxy->n_connections, -1);
  g_queue_unlink(&loop->connections, &connection->link);
  g_queue_push_tail_link(&loop->graveyard, &connection->link);
}

static void empty_graveyard(ProxyLoop *loop) {
  while (loop->graveyard.head)
    g_free(g_queue_pop_head_link(&loop->graveyard)->data);
}

static void accept_all(ProxyLoop *loop) {
  if (g_get_monotonic_time() < loop->accept_again_us)
    return;
  for (guint i = 0; i < BATCH; i++) {
    int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_warn("accepting pauses: %s", g_strerror(errno));
        loop->accept_again_us = g_get_monotonic_time() + TICK_MS * 1000;
      }
      return;
    }
    if ((guint)g_atomic_int_get(&loop->proxy->n_connections) >= loop->proxy->options.max_connections)
      (void)close(fd);
    else
      connection_open(loop, fd);
  }
}

static void check_times(ProxyLoop *loop) {
  gint64 now_us = g_get_monotonic_time();
  for (GList *link = loop->connections.head, *next; link; link = next) {
    next = link->next;
    connection_check_time(link->data, now_us);
  }
}

static gpointer run_loop(gpointer data) {
  ProxyLoop *loop = data;
  gint64 next_check_us = 0;
  while (!g_atomic_int_get(&loop->proxy->stopping)) {
    struct epoll_event events[BATCH];
    int n = epoll_wait(loop->epoll, events, BATCH, TICK_MS);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == &loop->listener)
        accept_all(loop);
      else if (events[i].data.ptr != &loop->wake)
        connection_event(events[i].data.ptr, events[i].events);
    }
    if (g_get_monotonic_time() >= next_check_us) {
      check_times(loop);
      next_check_us = g_get_monotonic_time() + TICK_MS * 1000;
    }
    empty_graveyard(loop);
  }
  while (loop->connections.head)
    connection_close(loop->connections.head->data);
  empty_graveyard(loop);
  return NULL;
}

static int open_listener(const char *address_text, guint16 *port, GError **error) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(*port)};
  int on = 1;
  socklen_t len = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (inet_pton(AF_INET, address_text, &address.sin_addr) == 1 && fd >= 0 &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) == 0 &&
      bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, BACKLOG) == 0 &&
      getsockname(fd, (struct sockaddr *)&address, &len) == 0) {
    *port = ntohs(address.sin_port);
    return fd;
  }
  dstack_set_errno(error, errno, "failed to listen on %s:%u", address_text, *port);
  if (fd >= 0)
    (void)close(fd);
  return -1;
}

static gboolean open_loop(Proxy *proxy, ProxyLoop *loop, GError **error) {
  loop->proxy = proxy;
  loop->spare_buffers = g_ptr_array_new_with_free_func(g_free);
  loop->epoll = epoll_create1(EPOLL_CLOEXEC);
  loop->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  loop->listener = open_listener(proxy->options.listen_addr, &proxy->port, error);
  if (loop->listener < 0)
    return FALSE;
  struct epoll_event listen_event = {.events = EPOLLIN, .data.ptr = &loop->listener};
  struct epoll_event wake_event = {.events = EPOLLIN, .data.ptr = &loop->wake};
  if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->listener, &listen_event) == 0 &&
      epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &wake_event) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to set up an event loop");
  return FALSE;
}

Proxy *proxy_start(const ProxyOptions *options, GError **error) {
  (void)signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to sockets without MSG_NOSIGNAL */
  Proxy *proxy = g_new0(Proxy, 1);
  proxy->options = *options;
  proxy->port = options->listen_port;
  proxy->n_loops = MAX(1, options->workers);
  proxy->loops = g_new0(ProxyLoop, proxy->n_loops);
  for (guint i = 0; i < proxy->n_loops; i++)
    proxy->loops[i].epoll = proxy->loops[i].listener = proxy->loops[i].wake = -1;
  for (guint i = 0; i < proxy->n_loops; i++)
    if (!open_loop(proxy, &proxy->loops[i], error)) {
      proxy_stop(proxy);
      return NULL;
    }
  for (guint i = 0; i < proxy->n_loops; i++) {
    g_autofree char *name = g_strdup_printf("proxy-core-%u", i);
    proxy->loops[i].thread = g_thread_new(name, run_loop, &proxy->loops[i]);
  }
  return proxy;
}

static void close_loop(ProxyLoop *loop) {
  if (loop->thread)
    g_thread_join(loop->thread);
  int fds[] = {loop->epoll, loop->listener, loop->wake};
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    if (fds[i] >= 0)
      (void)close(fds[i]);
  g_clear_pointer(&loop->spare_buffers, g_ptr_array_unref);
}

void proxy_stop(Proxy *proxy) {
  if (!proxy)
    return;
  g_atomic_int_set(&proxy->stopping, 1);
  for (guint i = 0; i < proxy->n_loops; i++)
    if (proxy->loops[i].wake >= 0)
      (void)eventfd_write(proxy->loops[i].wake, 1);
  for (guint i = 0; i < proxy->n_loops; i++)
    close_loop(&proxy->loops[i]);
  g_free(proxy->loops);
  g_free(proxy);
}

guint16 proxy_port(Proxy *proxy) { return proxy->port; }
guint proxy_connections(Proxy *proxy) { return (guint)g_atomic_int_get(&proxy->n_connections); }
