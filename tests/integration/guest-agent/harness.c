#include "harness.h"

#include "base/file.h"

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_TIMEOUT_MS 20000
#define ANSWER_TIMEOUT_MS 10000
#define MAX_ANSWER (16 * 1024 * 1024)

static char *directory;
static pid_t child;

pid_t simulator_pid(void) { return child; }
const char *simulator_dir(void) { return directory; }
char *simulator_path(const char *name) { return g_build_filename(directory, name, NULL); }

static void copy_fixture(const char *name) {
  g_autofree char *from = g_build_filename(g_getenv("DSTACK_SIMULATOR_FIXTURES"), name, NULL);
  g_autofree char *to = simulator_path(name);
  g_autoptr(GBytes) content = file_read(from, 1 << 20, NULL);
  g_assert_nonnull(content);
  g_assert_true(file_write_atomic(to, g_bytes_get_data(content, NULL), g_bytes_get_size(content), 0644, NULL));
}

void simulator_set_up(void) {
  directory = g_dir_make_tmp("dstack-sim-XXXXXX", NULL);
  copy_fixture("dstack.toml");
  copy_fixture("appkeys.json");
  copy_fixture("app-compose.json");
  copy_fixture("sys-config.json");
}

void simulator_tear_down(void) {
  g_assert_true(file_remove_tree(directory, NULL));
  g_clear_pointer(&directory, g_free);
}

/* ---- the process ---- */

static gboolean answers(void) {
  g_autoptr(PrpcClient) client = simulator_client("guest.sock", ""); /* the last one that is bound */
  int status;
  g_autoptr(GBytes) answer = prpc_client_http(client, "GET", "/api/Info", NULL, NULL, 0, MAX_ANSWER, &status, NULL);
  return answer != NULL;
}

/* A test that fails leaves no simulator behind, which would hold the pipe its reader waits on. */
static void die_with_parent(gpointer data) {
  (void)data;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void simulator_start(void) {
  char *argv[] = {(char *)g_getenv("DSTACK_SIMULATOR"), NULL};
  g_autoptr(GError) error = NULL;
  /* A launcher may have descriptors to pass on; all others close when it starts. */
  GSpawnFlags flags = G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN;
  g_spawn_async(directory, argv, NULL, flags, die_with_parent, NULL, &child, &error);
  g_assert_no_error(error);
  for (guint waited = 0; waited < START_TIMEOUT_MS; waited += 50) {
    if (answers())
      return;
    g_assert_cmpint(waitpid(child, NULL, WNOHANG), ==, 0);
    g_usleep(50000);
  }
  g_error("the simulator did not start");
}

int simulator_stop(int signal_number) {
  int status;
  g_assert_cmpint(kill(child, signal_number), ==, 0);
  g_assert_cmpint(waitpid(child, &status, 0), ==, child);
  return status;
}

/* ---- calls ---- */

PrpcClient *simulator_client(const char *socket_name, const char *prefix) {
  g_autofree char *base = g_strdup_printf("unix:%s/%s%s%s", directory, socket_name, *prefix ? "|" : "", prefix);
  g_autoptr(GError) error = NULL;
  PrpcClient *client = prpc_client_new(base, &error);
  g_assert_no_error(error);
  return client;
}

PrpcMessage *simulator_call(const char *socket_name, const char *prefix, const char *method, const PrpcMessage *request,
                            const ProtobufCMessageDescriptor *type, GError **error) {
  g_autoptr(PrpcClient) client = simulator_client(socket_name, prefix);
  return prpc_client_call(client, method, request, type, error);
}

void simulator_assert_http(const char *socket_name, const char *verb, const char *path, const char *type,
                           const char *body, int expected_status, const char *expected_start) {
  g_autoptr(PrpcClient) client = simulator_client(socket_name, "");
  g_autoptr(GError) error = NULL;
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, verb, path, type, body, body ? strlen(body) : 0, MAX_ANSWER, &status, &error);
  g_assert_no_error(error);
  gsize len;
  const char *data = g_bytes_get_data(answer, &len);
  g_autofree char *text = g_strndup(data ? data : "", len);
  if (status != expected_status || !g_str_has_prefix(text, expected_start))
    g_error("%s %s: status %d: %s", verb, path, status, text);
}

int simulator_connect(const char *socket_name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_autofree char *path = simulator_path(socket_name);
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

char *simulator_exchange(const char *socket_name, const void *data, gsize len) {
  int fd = simulator_connect(socket_name);
  for (ssize_t n; len > 0 && (n = send(fd, data, len, MSG_NOSIGNAL)) > 0; len -= (gsize)n)
    data = (const char *)data + n;
  shutdown(fd, SHUT_WR);
  GString *all = g_string_new(NULL);
  struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
  char piece[8192];
  for (ssize_t n; poll(&poll_fd, 1, ANSWER_TIMEOUT_MS) == 1 && (n = recv(fd, piece, sizeof piece, 0)) > 0;)
    g_string_append_len(all, piece, n);
  close(fd);
  return g_string_free(all, FALSE);
}
