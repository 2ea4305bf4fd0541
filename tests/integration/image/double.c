#include "double.h"

#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX 8192
#define STEP_MS 50
#define TEN_GIB "10737418240"

struct Double {
  int fd;
  char *url;
  guint16 port;
  GThread *thread;
  gint stop;
  GMutex lock;
  ServeMode mode;
  GBytes *body;
  guint requests;
  char *path;
};

static gboolean send_all(int fd, const void *data, gsize len) {
  const guint8 *at = data;
  while (len > 0) {
    ssize_t n = send(fd, at, len, MSG_NOSIGNAL);
    if (n <= 0)
      return FALSE;
    at += n;
    len -= (gsize)n;
  }
  return TRUE;
}

static void send_text(int fd, const char *text) { (void)send_all(fd, text, strlen(text)); }

static void send_body(int fd, GBytes *body, gsize len) {
  g_autofree char *head =
      g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n", g_bytes_get_size(body));
  send_text(fd, head);
  (void)send_all(fd, g_bytes_get_data(body, NULL), len);
}

/* Until the client leaves or the server ends. */
static void wait_for_end(Double *server, int fd, gboolean trickle) {
  while (!g_atomic_int_get(&server->stop)) {
    struct pollfd client = {.fd = fd, .events = POLLIN};
    char byte;
    if (poll(&client, 1, STEP_MS) > 0 && recv(fd, &byte, 1, 0) <= 0)
      return;
    if (trickle && !send_all(fd, "x", 1))
      return;
  }
}

static void send_endless(Double *server, int fd) {
  g_autofree guint8 *chunk = g_malloc0(65536);
  send_text(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
  while (!g_atomic_int_get(&server->stop) && send_all(fd, chunk, 65536))
    ;
}

static void redirect(int fd, const char *location) {
  g_autofree char *head = g_strdup_printf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", location);
  send_text(fd, head);
}

static void answer(Double *server, int fd, ServeMode mode, GBytes *body, const char *path) {
  switch (mode) {
  case SERVE_GOOD:
    send_body(fd, body, g_bytes_get_size(body));
    break;
  case SERVE_404:
    send_text(fd, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnone");
    break;
  case SERVE_HANG:
    wait_for_end(server, fd, FALSE);
    break;
  case SERVE_TRICKLE:
    send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    wait_for_end(server, fd, TRUE);
    break;
  case SERVE_CUT:
    send_body(fd, body, g_bytes_get_size(body) / 2);
    break;
  case SERVE_ENDLESS:
    send_endless(server, fd);
    break;
  case SERVE_ANNOUNCES:
    send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: " TEN_GIB "\r\n\r\n");
    wait_for_end(server, fd, FALSE);
    break;
  case SERVE_REDIRECT:
    if (g_str_has_prefix(path, "/moved"))
      send_body(fd, body, g_bytes_get_size(body));
    else
      redirect(fd, "/moved");
    break;
  case SERVE_LOOP:
    redirect(fd, "/again");
    break;
  case SERVE_FILE_URL:
    redirect(fd, "file:///etc/passwd");
    break;
  }
}

static char *read_path(int fd) {
  char request[REQUEST_MAX + 1];
  gsize len = 0;
  while (len < REQUEST_MAX) {
    ssize_t n = recv(fd, request + len, REQUEST_MAX - len, 0);
    if (n <= 0)
      return NULL;
    len += (gsize)n;
    request[len] = '\0';
    if (strstr(request, "\r\n\r\n"))
      break;
  }
  g_auto(GStrv) words = g_strsplit(request, " ", 3);
  return g_strv_length(words) == 3 && strcmp(words[0], "GET") == 0 ? g_strdup(words[1]) : NULL;
}

typedef struct {
  Double *server;
  int fd;
} Connection;

static gpointer serve_connection(gpointer data) {
  g_autofree Connection *connection = data;
  Double *server = connection->server;
  g_autofree char *path = read_path(connection->fd);
  if (path) {
    g_mutex_lock(&server->lock);
    ServeMode mode = server->mode;
    g_autoptr(GBytes) body = g_bytes_ref(server->body);
    server->requests++;
    g_free(server->path);
    server->path = g_strdup(path);
    g_mutex_unlock(&server->lock);
    answer(server, connection->fd, mode, body, path);
  }
  close(connection->fd);
  return NULL;
}

static gpointer serve(gpointer data) {
  Double *server = data;
  g_autoptr(GPtrArray) threads = g_ptr_array_new();
  while (!g_atomic_int_get(&server->stop)) {
    struct pollfd listener = {.fd = server->fd, .events = POLLIN};
    if (poll(&listener, 1, STEP_MS) <= 0)
      continue;
    Connection *connection = g_new(Connection, 1);
    *connection = (Connection){server, accept(server->fd, NULL, NULL)};
    g_ptr_array_add(threads, g_thread_new("connection", serve_connection, connection));
  }
  for (guint i = 0; i < threads->len; i++)
    g_thread_join(threads->pdata[i]);
  return NULL;
}

Double *double_new(void) {
  Double *server = g_new0(Double, 1);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(server->fd, (struct sockaddr *)&address, len), ==, 0);
  g_assert_cmpint(listen(server->fd, 16), ==, 0);
  g_assert_cmpint(getsockname(server->fd, (struct sockaddr *)&address, &len), ==, 0);
  server->port = ntohs(address.sin_port);
  server->url = g_strdup_printf("http://127.0.0.1:%u/{OS_IMAGE_HASH}.tar.gz", server->port);
  server->body = g_bytes_new_static("", 0);
  g_mutex_init(&server->lock);
  server->thread = g_thread_new("double", serve, server);
  return server;
}

void double_free(Double *server) {
  g_atomic_int_set(&server->stop, 1);
  g_thread_join(server->thread);
  close(server->fd);
  g_mutex_clear(&server->lock);
  g_bytes_unref(server->body);
  g_free(server->path);
  g_free(server->url);
  g_free(server);
}

const char *double_url(const Double *server) { return server->url; }

void double_serve(Double *server, ServeMode mode, GBytes *body) {
  g_mutex_lock(&server->lock);
  server->mode = mode;
  g_bytes_unref(server->body);
  server->body = body ? g_bytes_ref(body) : g_bytes_new_static("", 0);
  g_mutex_unlock(&server->lock);
}

guint double_requests(Double *server) {
  g_mutex_lock(&server->lock);
  guint requests = server->requests;
  g_mutex_unlock(&server->lock);
  return requests;
}

char *double_last_path(Double *server) {
  g_mutex_lock(&server->lock);
  char *path = g_strdup(server->path);
  g_mutex_unlock(&server->lock);
  return path;
}
