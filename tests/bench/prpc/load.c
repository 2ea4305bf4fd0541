#include "load.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <signal.h>
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

gdouble load_run(const char *path, const char *request, guint connections, gdouble seconds) {
  g_autofree Connection *all = g_new(Connection, connections);
  struct epoll_event events[MAX_CONNECTIONS];
  gsize len = strlen(request), answers = 0;
  int poller = epoll_create1(EPOLL_CLOEXEC);
  for (guint i = 0; i < connections; i++) {
    all[i].fd = connect_to(path);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &all[i]};
    epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
    ask(&all[i], request, len);
  }
  gint64 start = g_get_monotonic_time(), end = start + (gint64)(seconds * G_USEC_PER_SEC), now = start;
  for (; now < end; now = g_get_monotonic_time()) {
    int n = epoll_wait(poller, events, MAX_CONNECTIONS, 10000);
    if (n <= 0)
      g_error("no answer in time");
    for (int i = 0; i < n; i++)
      if (take(events[i].data.ptr)) {
        answers++;
        ask(events[i].data.ptr, request, len);
      }
  }
  for (guint i = 0; i < connections; i++)
    close(all[i].fd);
  close(poller);
  return (gdouble)answers * G_USEC_PER_SEC / (gdouble)(now - start);
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

gsize load_resident(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/statm", (int)pid);
  g_autofree char *text = NULL;
  if (!g_file_get_contents(path, &text, NULL, NULL))
    return 0;
  return strtoul(strchr(text, ' '), NULL, 10) * (gsize)sysconf(_SC_PAGESIZE);
}
