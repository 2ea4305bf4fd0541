/* The server among slow, greedy, rude and very many clients: each gets what it deserves, and everybody else is served.
 */
#include "fixture.h"

#include "prpc/server_private.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELLO "GET /hello HTTP/1.1\r\n\r\n"
#define QUICK_MS 300

/* ---- what the server knows, asked on its own thread ---- */

typedef struct {
  PrpcServer *server;
  guint connections;
  gsize held;
} Figures;

static void read_figures(gpointer data) {
  Figures *figures = data;
  figures->connections = figures->server->connections.length;
  figures->held = figures->server->held;
}

static Figures figures_of(Fixture *fixture) {
  Figures figures = {.server = fixture->server};
  prpc_loop_call(fixture->server->loop, read_figures, &figures);
  return figures;
}

static void wait_for_connections(Fixture *fixture, guint count) {
  for (int i = 0; i < 1000 && figures_of(fixture).connections != count; i++)
    g_usleep(10000);
  g_assert_cmpuint(figures_of(fixture).connections, ==, count);
}

static void make_quick(gpointer data) {
  static const struct timeval quick = {.tv_usec = QUICK_MS * 1000};
  PrpcServer *server = data;
  server->head_timeout = server->body_timeout = server->write_timeout = server->linger_timeout = &quick;
}

static Fixture *quick_fixture(void) {
  Fixture *fixture = fixture_new();
  prpc_loop_call(fixture->server->loop, make_quick, fixture->server);
  return fixture;
}

static void assert_serves(Fixture *fixture) {
  g_autofree char *answer = exchange(fixture, HELLO);
  g_assert_cmpint(status_of(answer), ==, 200);
}

static gsize resident_bytes(void) {
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents("/proc/self/statm", &text, NULL, NULL));
  return strtoul(strchr(text, ' '), NULL, 10) * (gsize)sysconf(_SC_PAGESIZE);
}

/* ---- slow clients ---- */

/* Sends `text` and then `piece` again and again. The time until the server hung up without a word, in ms. */
static gint64 drip_until_closed(Fixture *fixture, const char *text, const char *piece) {
  int fd = fixture_connect(fixture);
  gint64 start = g_get_monotonic_time();
  send_text(fd, text);
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  while (poll(&poll_fd, 1, 20) == 0)
    send_text(fd, piece);
  char byte;
  g_assert_cmpint(recv(fd, &byte, 1, 0), <=, 0);
  close(fd);
  return (g_get_monotonic_time() - start) / 1000;
}

static void test_slow_requests(void) {
  static const struct {
    const char *text, *piece;
  } rows[] = {
      {"", ""},
      {"", "\r\n"},
      {"G", ""},
      {"GET /hello HTTP/1.1\r\nA: ", "b"},
      {"GET /hello HTTP/1.1\r\n", "A: b\r\n"},
      {"POST /GetKey?json HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", " "},
      {"POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\n \r\n"},
      {"POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "A: b\r\n"},
  };
  g_autoptr(Fixture) fixture = quick_fixture();
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    gint64 took = drip_until_closed(fixture, rows[i].text, rows[i].piece);
    g_assert_cmpint(took, >=, QUICK_MS - 50);
    g_assert_cmpint(took, <, 10 * QUICK_MS);
  }
  assert_serves(fixture);
}

/* The same time limit ends a kept connection that asks nothing more. */
static void test_idle_after_answer(void) {
  g_autoptr(Fixture) fixture = quick_fixture();
  int fd = fixture_connect(fixture);
  send_text(fd, HELLO);
  g_autofree char *all = read_to_end(fd);
  g_assert_cmpint(status_of(all), ==, 200);
  close(fd);
}

/* Takes an answer of 20 MiB without ever reading it. */
static void test_slow_reader(void) {
  g_autoptr(Fixture) fixture = quick_fixture();
  int fd = fixture_connect(fixture);
  g_autofree char *body = g_strnfill(20 << 20, 'x');
  g_autofree char *request = g_strdup_printf("POST /echo HTTP/1.1\r\nContent-Length: %u\r\n\r\n%s", 20 << 20, body);
  send_text(fd, request);
  assert_serves(fixture);
  wait_for_connections(fixture, 0);
  g_assert_cmpuint(figures_of(fixture).held, ==, 0);
  close(fd);
}

/* A client that never stops sending a body that was refused. */
static void test_endless_body(void) {
  g_autoptr(Fixture) fixture = quick_fixture();
  int fd = fixture_connect(fixture);
  send_text(fd, "POST /GetKey HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n");
  g_autofree char *piece = g_strnfill(60000, ' ');
  ssize_t n = 1;
  for (gint64 end = g_get_monotonic_time() + 5 * G_TIME_SPAN_SECOND; n > 0 && g_get_monotonic_time() < end;)
    n = send(fd, piece, 60000, MSG_NOSIGNAL);
  g_assert_cmpint(n, <=, 0);
  close(fd);
  assert_serves(fixture);
}

/* ---- large clients ---- */

static void test_oversized_heads(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *name = g_strnfill(HTTP1_MAX_LINE, 'a');
  g_autofree char *long_line = g_strdup_printf("GET /%s HTTP/1.1\r\n\r\n", name);
  g_autofree char *line_answer = exchange(fixture, long_line);
  g_assert_cmpint(status_of(line_answer), ==, 414);
  GString *many = g_string_new("GET /hello HTTP/1.1\r\n");
  for (guint i = 0; i <= HTTP1_MAX_HEADERS; i++)
    g_string_append(many, "A: b\r\n");
  g_string_append(many, "\r\n");
  g_autofree char *many_headers = g_string_free(many, FALSE);
  g_autofree char *many_answer = exchange(fixture, many_headers);
  g_assert_cmpint(status_of(many_answer), ==, 431);
  g_autofree char *filler = g_strnfill(HTTP1_MAX_HEAD, 'a');
  g_autofree char *large = g_strdup_printf("GET /hello HTTP/1.1\r\nA: %s\r\n\r\n", filler);
  g_autofree char *large_answer = exchange(fixture, large);
  g_assert_cmpint(status_of(large_answer), ==, 431);
  large[HTTP1_MAX_HEAD - 100] = 0; /* not even finished */
  g_autofree char *endless = g_strconcat(large, filler, NULL);
  g_autofree char *endless_answer = exchange(fixture, endless);
  g_assert_cmpint(status_of(endless_answer), ==, 431);
  assert_serves(fixture);
}

/* Many bodies that are nearly there: the largest make room, memory stays bounded, and small requests pass. */
static void test_memory_budget(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *body = g_strnfill(9 << 20, ' ');
  int fds[30];
  gsize most = 0;
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = fixture_connect(fixture);
    send_text(fds[i], "POST /GetKey?json HTTP/1.1\r\nContent-Length: 10000000\r\n\r\n");
    send_text(fds[i], body);
    most = MAX(most, figures_of(fixture).held);
  }
  g_test_message("held at most %zu bytes, resident %zu", most, resident_bytes());
  g_assert_cmpuint(most, <=, 64 << 20);
  g_assert_cmpuint(figures_of(fixture).connections, <, G_N_ELEMENTS(fds));
  assert_serves(fixture);
  for (gsize i = 0; i < G_N_ELEMENTS(fds); i++)
    close(fds[i]);
  wait_for_connections(fixture, 0);
  g_assert_cmpuint(figures_of(fixture).held, ==, 0);
}

/* ---- rude clients ---- */

static void reset(int fd) {
  const struct linger at_once = {.l_onoff = 1};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

/* Leaves at every stage, by a close and by a reset. */
static void test_abrupt_ends(void) {
  static const char *const beginnings[] = {
      "",
      "GET /he",
      HELLO,
      "POST /GetKey?json HTTP/1.1\r\nContent-Length: 10\r\n\r\n{",
      "POST /GetKey?json HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
      "GET /GetKey?path=slow HTTP/1.1\r\n\r\n",
      "GET /GetKey?path=slow HTTP/1.1\r\n\r\n" HELLO HELLO,
      "GET /forever HTTP/1.1\r\n\r\n",
      "GET /stream HTTP/1.1\r\n\r\n",
      "POST /GetKey HTTP/1.1\r\nContent-Length: 99999999\r\n\r\nx",
      "nonsense\r\n\r\n",
  };
  g_autoptr(Fixture) fixture = fixture_new();
  for (guint round = 0; round < 4; round++)
    for (gsize i = 0; i < G_N_ELEMENTS(beginnings); i++) {
      int fd = round & 1 ? fixture_connect_tcp(fixture) : fixture_connect(fixture);
      send_text(fd, beginnings[i]);
      if (round & 2)
        g_usleep(2000);
      if (i & 1)
        reset(fd);
      else
        close(fd);
    }
  assert_serves(fixture);
  wait_for_connections(fixture, 0);
  g_assert_cmpuint(figures_of(fixture).held, ==, 0);
}

/* Requests without end, answers unread until the last: order and number are kept, and the server reads no further ahead
 * than it may. */
static void test_pipelining(void) {
  enum { REQUESTS = 5000 };
  g_autoptr(Fixture) fixture = fixture_new();
  GString *all = g_string_new(NULL);
  for (guint i = 0; i < REQUESTS; i++)
    g_string_append_printf(all,
                           i % 3 ? "GET /hello?name=n%05u HTTP/1.1\r\n\r\n"
                                 : "POST /GetKey?json HTTP/1.1\r\nContent-Length: 17\r\n\r\n{\"path\":\"n%05u\"}",
                           i);
  g_autofree char *requests = g_string_free(all, FALSE);
  int fd = fixture_connect(fixture);
  pid_t writer = fork();
  if (writer == 0) {
    send_text(fd, requests);
    shutdown(fd, SHUT_WR);
    _exit(0);
  }
  g_autofree char *answers = read_to_end(fd);
  g_assert_cmpint(waitpid(writer, NULL, 0), ==, writer);
  close(fd);
  const char *at = answers;
  for (guint i = 0; i < REQUESTS; i++) {
    g_autofree char *name = g_strdup_printf("n%05u", i);
    g_autofree char *expected =
        i % 3 ? g_strconcat("hello ", name, NULL)
              : g_strdup_printf("{\"key\":\"6e%02x%02x%02x%02x%02x7c\"", name[1], name[2], name[3], name[4], name[5]);
    at = strstr(at, expected);
    g_assert_nonnull(at);
  }
}

/* ---- ten thousand clients ---- */

#define IDLE_CLIENTS 10000

#ifdef __SANITIZE_ADDRESS__
static const gboolean measures_memory = FALSE; /* the sanitizer's own would be measured */
#else
static const gboolean measures_memory = TRUE;
#endif

static int connect_quietly(const struct sockaddr_un *address) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 ? fd : -1;
}

/* A child of its own holds the other ends: one process may not have so many files. Only system calls after the fork. */
static pid_t start_idle_clients(Fixture *fixture, guint count, const char *greeting) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, fixture->unix_path, sizeof address.sun_path);
  int ready[2];
  g_assert_cmpint(pipe(ready), ==, 0);
  gsize len = strlen(greeting);
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails must not leave its reader waiting */
    char ok = 1;
    for (guint i = 0; i < count && ok; i++) {
      int fd = connect_quietly(&address);
      ok = fd >= 0 && send(fd, greeting, len, MSG_NOSIGNAL) == (ssize_t)len;
    }
    if (write(ready[1], &ok, 1) == 1)
      pause();
    _exit(0);
  }
  char ok = 0;
  g_assert_cmpint(read(ready[0], &ok, 1), ==, 1);
  g_assert_cmpint(ok, ==, 1);
  close(ready[0]);
  close(ready[1]);
  return child;
}

static void end_child(pid_t child) {
  g_assert_cmpint(kill(child, SIGKILL), ==, 0);
  g_assert_cmpint(waitpid(child, NULL, 0), ==, child);
}

static void hold_idle_clients(const char *greeting, gsize most_bytes_each) {
  g_autoptr(Fixture) fixture = fixture_new();
  assert_serves(fixture);
  wait_for_connections(fixture, 0);
  gsize before = resident_bytes();
  pid_t child = start_idle_clients(fixture, IDLE_CLIENTS, greeting);
  wait_for_connections(fixture, IDLE_CLIENTS);
  gsize each = (MAX(resident_bytes(), before) - before) / IDLE_CLIENTS;
  g_test_message("each of %d idle connections costs %zu bytes of resident memory", IDLE_CLIENTS, each);
  g_assert_true(!measures_memory || each < most_bytes_each);
  gint64 start = g_get_monotonic_time();
  for (int i = 0; i < 200; i++)
    assert_serves(fixture);
  g_test_message("an honest request beside them takes %" G_GINT64_FORMAT " us", (g_get_monotonic_time() - start) / 200);
  g_assert_cmpint(g_get_monotonic_time() - start, <, 5 * G_TIME_SPAN_SECOND);
  end_child(child);
  wait_for_connections(fixture, 0);
}

static void test_idle_clients(void) { hold_idle_clients("", 2048); }
static void test_half_heads(void) { hold_idle_clients("GET /hello HTTP/1.1\r\nA: b", 3072); }

/* A server with fewer places than clients: the newest stay, and are served. */
static void test_more_clients_than_places(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "small", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  g_autoptr(PrpcServer) small = prpc_server_new(2, 1000, &error);
  g_assert_cmpuint(prpc_server_listen(small, url, fixture->router, NULL, &error), >, 0);
  prpc_server_start(small);
  g_free(fixture->unix_path);
  fixture->unix_path = g_strdup(path);
  pid_t child = start_idle_clients(fixture, IDLE_CLIENTS, "");
  for (int i = 0; i < 100; i++)
    assert_serves(fixture);
  end_child(child);
}

/* A full listener closes its own connections, those that wait for a body too, and leaves the other's alone. */
static void test_full_listener(void) {
  enum { PLACES = 8, CLIENTS = 40 };
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "public", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  PrpcListenOptions options = {.max_connections = PLACES};
  g_assert_cmpuint(prpc_server_listen(fixture->server, url, fixture->router, &options, NULL), >, 0);
  int other = fixture_connect(fixture);
  g_autofree char *private_path = g_steal_pointer(&fixture->unix_path);
  fixture->unix_path = g_strdup(path);
  pid_t child = start_idle_clients(fixture, CLIENTS, "POST /GetKey?json HTTP/1.1\r\nContent-Length: 100\r\n\r\n");
  wait_for_connections(fixture, PLACES + 1);
  for (int i = 0; i < 20; i++)
    assert_serves(fixture);
  send_text(other, HELLO);
  g_autofree char *answer = read_answer(other);
  g_assert_cmpint(status_of(answer), ==, 200);
  close(other);
  end_child(child);
  wait_for_connections(fixture, 0);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/hostile/slow-requests", test_slow_requests);
  g_test_add_func("/prpc/hostile/idle-after-answer", test_idle_after_answer);
  g_test_add_func("/prpc/hostile/slow-reader", test_slow_reader);
  g_test_add_func("/prpc/hostile/endless-body", test_endless_body);
  g_test_add_func("/prpc/hostile/oversized-heads", test_oversized_heads);
  g_test_add_func("/prpc/hostile/memory-budget", test_memory_budget);
  g_test_add_func("/prpc/hostile/abrupt-ends", test_abrupt_ends);
  g_test_add_func("/prpc/hostile/pipelining", test_pipelining);
  g_test_add_func("/prpc/hostile/idle-clients", test_idle_clients);
  g_test_add_func("/prpc/hostile/half-heads", test_half_heads);
  g_test_add_func("/prpc/hostile/more-clients-than-places", test_more_clients_than_places);
  g_test_add_func("/prpc/hostile/full-listener", test_full_listener);
  return g_test_run();
}
