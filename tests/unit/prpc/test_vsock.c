/* The user-space vsock device: its dialogue on the host's side, and the bound on what is written at once. A kernel with
 * vsock is not needed: the device's sockets are unix sockets. */
#include "fixture.h"

#include "base/error.h"
#include "guest_agent.pb-c.h"
#include "prpc/transport.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- what is handed to the kernel at once (the linker puts this in the place of send) ---- */

static gint largest_send; /* atomic */

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags) {
  if ((gint)len > g_atomic_int_get(&largest_send))
    g_atomic_int_set(&largest_send, (gint)len);
  return __real_send(fd, data, len, flags);
}

/* ---- the device ---- */

typedef struct {
  char *path;
  int listener;
  const char *guest;  /* the socket that stands for the guest's port */
  const char *answer; /* to "connect PORT\n"; NULL: none */
  GThread *thread;
  char question[64];
} Device;

static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof address), ==, 0);
  return fd;
}

/* Moves bytes one way until the end. */
static gboolean move(int from, int to) {
  char piece[4096];
  ssize_t n = recv(from, piece, sizeof piece, 0);
  return n > 0 && write(to, piece, (size_t)n) == n;
}

static void relay(int host, int guest) {
  struct pollfd fds[] = {{.fd = host, .events = POLLIN}, {.fd = guest, .events = POLLIN}};
  while (poll(fds, 2, 10000) > 0)
    if ((fds[0].revents && !move(host, guest)) || (fds[1].revents && !move(guest, host)))
      return;
}

static gpointer run_device(gpointer data) {
  Device *device = data;
  int host = accept(device->listener, NULL, NULL);
  for (gsize len = 0; !strchr(device->question, '\n'); len++)
    g_assert_cmpint(recv(host, device->question + len, 1, 0), ==, 1);
  if (device->answer)
    g_assert_cmpint(write(host, device->answer, strlen(device->answer)), >=, 0);
  else
    g_usleep(3000000);
  if (device->answer && g_str_has_prefix(device->answer, "OK ")) {
    int guest = connect_to(device->guest);
    relay(host, guest);
    close(guest);
  }
  close(host);
  return NULL;
}

static Device *device_new(Fixture *fixture, const char *answer) {
  Device *device = g_new0(Device, 1);
  device->path = g_build_filename(fixture->dir, "device", NULL);
  device->guest = fixture->unix_path;
  device->answer = answer;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, device->path, sizeof address.sun_path);
  device->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint(bind(device->listener, (struct sockaddr *)&address, sizeof address), ==, 0);
  g_assert_cmpint(listen(device->listener, 4), ==, 0);
  device->thread = g_thread_new("device", run_device, device);
  return device;
}

static void device_free(Device *device) {
  g_thread_join(device->thread);
  close(device->listener);
  unlink(device->path);
  g_free(device->path);
  g_free(device);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Device, device_free)

static PrpcClient *client_of(Device *device) {
  g_autofree char *url = g_strdup_printf("vsock+unix:%s:8000|/prpc/", device->path);
  PrpcClient *client = prpc_client_new(url, NULL);
  prpc_client_set_timeouts(client, 2000, 30000);
  return client;
}

static PrpcMessage *get_key(PrpcClient *client, const char *path, GError **error) {
  DstackGuest__GetKeyArgs request = DSTACK_GUEST__GET_KEY_ARGS__INIT;
  request.path = (char *)path;
  return prpc_client_call(client, "GetKey", &request.base, &dstack_guest__get_key_response__descriptor, error);
}

static void test_dialogue(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autoptr(Device) device = device_new(fixture, "OK 1073741824\n");
  g_autoptr(PrpcClient) client = client_of(device);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = get_key(client, "a", &error);
  g_assert_no_error(error);
  g_assert_cmpuint(((DstackGuest__GetKeyResponse *)answer)->key.len, ==, 2);
  g_assert_cmpstr(device->question, ==, "connect 8000\n");
}

static void test_refusals(void) {
  static const struct {
    const char *answer;
    DstackErrorCode code;
  } rows[] = {
      {"", DSTACK_ERROR_UNAVAILABLE},
      {"NO\n", DSTACK_ERROR_UNAVAILABLE},
      {"OK", DSTACK_ERROR_UNAVAILABLE},
      {"\n", DSTACK_ERROR_UNAVAILABLE},
      {NULL, DSTACK_ERROR_TIMEOUT},
      {"OKAY, this is a long story about a guest that "
       "has no such port and never will\n",
       DSTACK_ERROR_UNAVAILABLE},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
    g_autoptr(Fixture) fixture = fixture_new();
    g_autoptr(Device) device = device_new(fixture, rows[i].answer);
    g_autoptr(PrpcClient) client = client_of(device);
    g_autoptr(GError) error = NULL;
    g_assert_null(get_key(client, "a", &error));
    g_test_message("%s", error->message);
    g_assert_error(error, DSTACK_ERROR, (int)rows[i].code);
  }
}

/* 1 MiB each way: a guest that wrote so much at once would break the device. */
static void test_client_writes(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autoptr(Device) device = device_new(fixture, "OK 1\n");
  g_autoptr(PrpcClient) client = client_of(device);
  g_autoptr(GError) error = NULL;
  g_autofree char *large = g_strnfill(1 << 20, 'x');
  g_atomic_int_set(&largest_send, 0);
  g_autoptr(PrpcMessage) answer = get_key(client, large, &error);
  g_assert_no_error(error);
  g_assert_cmpuint(((DstackGuest__GetKeyResponse *)answer)->key.len, ==, (1 << 20) + 1);
  g_assert_cmpint(g_atomic_int_get(&largest_send), >, 0);
  g_assert_cmpint(g_atomic_int_get(&largest_send), <=, PRPC_VSOCK_MAX_WRITE);
}

/* The server's side, seen through a socket that keeps the boundaries of writes. */
static gsize largest_message(void) {
  int fds[2];
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
  PrpcTransport transport;
  prpc_transport_init(&transport, fds[0], NULL);
  transport.max_write = PRPC_VSOCK_MAX_WRITE;
  struct evbuffer *out = evbuffer_new();
  g_autofree char *large = g_strnfill(1 << 20, 'x');
  evbuffer_add_printf(out, "HTTP/1.1 200 OK\r\n\r\n");
  evbuffer_add_reference(out, large, 1 << 20, NULL, NULL);
  gsize largest = 0, total = 0;
  for (gboolean more = TRUE; more;) {
    more = prpc_transport_write(&transport, out) == PRPC_IO_AGAIN;
    static char piece[1 << 20];
    for (ssize_t n; (n = recv(fds[1], piece, sizeof piece, 0)) > 0; total += (gsize)n)
      largest = MAX(largest, (gsize)n);
  }
  g_assert_cmpuint(total, ==, (1 << 20) + 19);
  evbuffer_free(out);
  prpc_transport_close(&transport);
  close(fds[1]);
  return largest;
}

static void test_server_writes(void) {
  gsize largest = largest_message();
  g_assert_cmpuint(largest, >, 0);
  g_assert_cmpuint(largest, <=, PRPC_VSOCK_MAX_WRITE);
}

/* A listener that stands for one guest: its peers are that guest, and get their answers whole. */
static void test_listener_of_a_guest(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autoptr(GError) error = NULL;
  g_autofree char *path = g_build_filename(fixture->dir, "vsock.sock_10000", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  PrpcListenOptions options = {.act_as_vsock_cid = 42};
  g_assert_cmpuint(prpc_server_listen(fixture->server, url, fixture->router, &options, &error), >, 0);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  g_autoptr(PrpcMessage) answer = get_key(client, "peer", &error);
  g_assert_no_error(error);
  const DstackGuest__GetKeyResponse *response = (DstackGuest__GetKeyResponse *)answer;
  g_assert_cmpmem(response->key.data, response->key.len, "2 42 vsock:42", 13);
  g_autofree char *large = g_strnfill(1 << 20, 'x');
  g_autoptr(PrpcMessage) whole = get_key(client, large, &error);
  g_assert_cmpuint(((DstackGuest__GetKeyResponse *)whole)->key.len, ==, (1 << 20) + 1);
}

/* One guest can not take every connection: the ones above its share are closed before anything is read. */
static void test_share_of_a_guest(void) {
  g_autoptr(Fixture) fixture = fixture_new();
  g_autofree char *path = g_build_filename(fixture->dir, "vsock.sock_10000", NULL);
  g_autofree char *url = g_strconcat("unix:", path, NULL);
  PrpcListenOptions options = {.act_as_vsock_cid = 42, .max_per_vsock_peer = 2};
  g_assert_cmpuint(prpc_server_listen(fixture->server, url, fixture->router, &options, NULL), >, 0);
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  g_strlcpy(address.sun_path, path, sizeof address.sun_path);
  int fds[3];
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++) {
    fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(connect(fds[i], (struct sockaddr *)&address, sizeof address), ==, 0);
  }
  char byte;
  g_assert_cmpint(recv(fds[2], &byte, 1, 0), ==, 0);
  g_assert_cmpint(send(fds[0], "GET /hello HTTP/1.1\r\n\r\n", 23, 0), ==, 23);
  g_assert_cmpint(recv(fds[0], &byte, 1, 0), ==, 1);
  g_autoptr(PrpcClient) other = prpc_client_new(fixture->unix_url, NULL); /* somebody else's share is their own */
  g_autoptr(PrpcMessage) answer = get_key(other, "peer", NULL);
  g_assert_nonnull(answer);
  for (guint i = 0; i < G_N_ELEMENTS(fds); i++)
    close(fds[i]);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/prpc/vsock/dialogue", test_dialogue);
  g_test_add_func("/prpc/vsock/refusals", test_refusals);
  g_test_add_func("/prpc/vsock/client-writes", test_client_writes);
  g_test_add_func("/prpc/vsock/server-writes", test_server_writes);
  g_test_add_func("/prpc/vsock/listener-of-a-guest", test_listener_of_a_guest);
  g_test_add_func("/prpc/vsock/share-of-a-guest", test_share_of_a_guest);
  return g_test_run();
}
