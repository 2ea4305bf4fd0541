#include "load.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ANSWER 65536
#define MAX_CONNECTIONS 256
#define ANSWER_TIMEOUT_MS 10000

typedef struct {
  int fd;
  gsize have, wanted; /* of the answer that is coming; wanted is 0 until its head is there */
  char answer[MAX_ANSWER];
} Connection;

static void address_of(struct sockaddr_un *address, const char *path) {
  *address = (struct sockaddr_un){.sun_family = AF_UNIX};
  g_strlcpy(address->sun_path, path, sizeof address->sun_path);
}

static int connect_to(const char *path) {
  struct sockaddr_un address;
  address_of(&address, path);
  for (int i = 0; i < 500; i++) { /* the server may just be starting */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
      return fd;
    close(fd);
    g_usleep(10000);
  }
  g_error("nobody listens on %s", path);
}

static void ask(Connection *connection, const char *request, gsize len) {
  connection->have = connection->wanted = 0;
  if (send(connection->fd, request, len, MSG_NOSIGNAL) != (ssize_t)len)
    g_error("failed to send: %s", g_strerror(errno));
}

static void find_length(Connection *connection) {
  connection->answer[connection->have] = 0;
  const char *end = strstr(connection->answer, "\r\n\r\n");
  const char *length = end ? strcasestr(connection->answer, "content-length: ") : NULL;
  if (!end)
    return;
  if (!length || strncmp(connection->answer, "HTTP/1.1 200", 12) != 0)
    g_error("unexpected answer: %s", connection->answer);
  connection->wanted = (gsize)(end - connection->answer) + 4 + strtoul(length + strlen("content-length: "), NULL, 10);
}

/* TRUE when the answer is complete. */
static gboolean take(Connection *connection) {
  ssize_t n = recv(connection->fd, connection->answer + connection->have, MAX_ANSWER - 1 - connection->have, 0);
  if (n <= 0)
    g_error("the server hung up");
  connection->have += (gsize)n;
  if (connection->wanted == 0)
    find_length(connection);
  return connection->wanted != 0 && connection->have >= connection->wanted;
}

typedef struct {
  const char *const *requests;
  guint n, next;
  Connection *connections;
  guint n_connections;
  int poller;
  gsize answers;
} Load;

static void ask_next(Load *load, Connection *connection) {
  const char *request = load->requests[load->next++ % load->n];
  ask(connection, request, strlen(request));
}

static void load_open(Load *load, const char *path) {
  load->connections = g_new(Connection, load->n_connections);
  load->poller = epoll_create1(EPOLL_CLOEXEC);
  for (guint i = 0; i < load->n_connections; i++) {
    load->connections[i].fd = connect_to(path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &load->connections[i]};
    epoll_ctl(load->poller, EPOLL_CTL_ADD, load->connections[i].fd, &event);
    ask_next(load, &load->connections[i]);
  }
}

static void load_close(Load *load) {
  for (guint i = 0; i < load->n_connections; i++)
    close(load->connections[i].fd);
  close(load->poller);
  g_free(load->connections);
}

/* Until `count` answers or the time is over. Answers per second. */
static gdouble load_drive(Load *load, const char *path, gsize count, gint64 microseconds) {
  struct epoll_event events[MAX_CONNECTIONS];
  load_open(load, path);
  gint64 start = g_get_monotonic_time(), now = start;
  for (; load->answers < count && now - start < microseconds; now = g_get_monotonic_time()) {
    int n = epoll_wait(load->poller, events, MAX_CONNECTIONS, ANSWER_TIMEOUT_MS);
    if (n <= 0)
      g_error("no answer in time");
    for (int i = 0; i < n; i++)
      if (take(events[i].data.ptr)) {
        load->answers++;
        ask_next(load, events[i].data.ptr);
      }
  }
  load_close(load);
  return (gdouble)load->answers * G_USEC_PER_SEC / (gdouble)(now - start);
}

gdouble load_run(const char *path, const char *request, guint connections, gdouble seconds) {
  Load load = {.requests = &request, .n = 1, .n_connections = connections};
  return load_drive(&load, path, G_MAXSIZE, (gint64)(seconds * G_USEC_PER_SEC));
}

gdouble load_calls(const char *path, const char *const *requests, guint n, guint connections, gsize count) {
  Load load = {.requests = requests, .n = n, .n_connections = connections};
  return load_drive(&load, path, count, G_MAXINT64);
}

/* ---- the peer ---- */

static void say_hello(struct evhttp_request *request, void *data) {
  (void)data;
  struct evbuffer *body = evbuffer_new();
  evbuffer_add(body, "hello", 5);
  evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "text/plain");
  evhttp_send_reply(request, HTTP_OK, "OK", body);
  evbuffer_free(body);
}

static void serve_evhttp(const char *path) {
  signal(SIGPIPE, SIG_IGN); /* clients leave in the middle of answers */
  struct sockaddr_un address;
  address_of(&address, path);
  struct event_base *base = event_base_new();
  struct evhttp *http = evhttp_new(base);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 128) != 0 ||
      evhttp_accept_socket(http, fd) != 0)
    g_error("the peer can not listen");
  evhttp_set_gencb(http, say_hello, NULL);
  event_base_dispatch(base);
}

pid_t load_start_evhttp(const char *path) {
  pid_t child = fork();
  if (child != 0)
    return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  serve_evhttp(path);
  _exit(0);
}

void load_stop(pid_t child) {
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
}

/* ---- figures ---- */

static int compare(const void *a, const void *b) {
  gdouble x = *(const gdouble *)a, y = *(const gdouble *)b;
  return (x > y) - (x < y);
}

gdouble load_median(gdouble *values, guint n) {
  qsort(values, n, sizeof *values, compare);
  return values[n / 2];
}

gdouble load_cpu_seconds(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid);
  g_autofree char *text = NULL;
  unsigned long user = 0, kernel = 0;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  /* fields 14 and 15, counted behind the name, which may hold anything */
  (void)sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
  return (gdouble)(user + kernel) / (gdouble)sysconf(_SC_CLK_TCK);
}

gsize load_resident(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  return strtoul(strchr(text, ' '), NULL, 10) * (gsize)sysconf(_SC_PAGESIZE);
}
