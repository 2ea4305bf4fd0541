/* Tests of the ways to a quote, against a double of the quote generation service and injected kernel calls (spec:
 * attestation F). */
#include "base/error.h"
#include "base/file.h"
#include "fixture.h"
#include "tdx/guest_device.h"
#include "tdx/quote_source.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUOTE_SIZE 2000
#define REQUEST_FRAME (4 + 16 + 8 + TDX_REPORT_SIZE)

static gint64 in_ms(guint ms) { return g_get_monotonic_time() + ms * G_TIME_SPAN_MILLISECOND; }

static void put_u32(GByteArray *out, guint32 value) {
  const guint32 coded = GUINT32_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&coded, 4);
}

typedef struct {
  guint32 major, type, code, id_size, quote_size; /* as the message says */
  guint32 sent_quote;                             /* as it is */
  gint32 frame_error, size_error;
} Response;

static const Response good_response = {1, 1, 0, 3, QUOTE_SIZE, QUOTE_SIZE, 0, 0};

static GBytes *response_frame(const Response *response) {
  GByteArray *out = g_byte_array_new();
  const guint32 id_sent = response->id_size < 100 ? response->id_size : 3;
  const guint32 size = 16 + 8 + id_sent + response->sent_quote;
  put_u32(out, GUINT32_SWAP_LE_BE(size + (guint32)response->frame_error));
  put_u32(out, response->major); /* minor 0 */
  put_u32(out, response->type);
  put_u32(out, size + (guint32)response->size_error);
  put_u32(out, response->code);
  put_u32(out, response->id_size);
  put_u32(out, response->quote_size);
  const guint at = out->len;
  g_byte_array_set_size(out, at + id_sent + response->sent_quote);
  memset(out->data + at, 0x11, id_sent);
  memset(out->data + at + id_sent, 0x77, response->sent_quote);
  return g_byte_array_free_to_bytes(out);
}

static void assert_quote(GBytes *quote) {
  g_assert_nonnull(quote);
  gsize len;
  const guint8 *data = g_bytes_get_data(quote, &len);
  g_assert_cmpuint(len, ==, QUOTE_SIZE);
  for (gsize i = 0; i < len; i++)
    g_assert_cmphex(data[i], ==, 0x77);
}

static void test_request(void) {
  guint8 report[TDX_REPORT_SIZE];
  memset(report, 0xab, sizeof report);
  g_autoptr(GBytes) request = qgs_request(report);
  const guint8 *data = g_bytes_get_data(request, NULL);
  g_assert_cmpuint(g_bytes_get_size(request), ==, REQUEST_FRAME);
  assert_hex(data, 28,
             "00000418"
             "01000100"
             "00000000"
             "18040000"
             "00000000"
             "00040000"
             "00000000");
  g_assert_cmpmem(data + 28, TDX_REPORT_SIZE, report, sizeof report);
}

static void test_response(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) frame = response_frame(&good_response);
  gsize len;
  const guint8 *data = g_bytes_get_data(frame, &len);
  g_autoptr(GBytes) quote = qgs_response(data, len, &error);
  g_assert_no_error(error);
  assert_quote(quote);
  for (gsize cut = 0; cut < len; cut++) {
    g_autofree guint8 *part = g_memdup2(data, MAX(cut, 1)); /* of its own, so that a sanitizer sees what lies beyond */
    g_assert_null(qgs_response(part, cut, NULL));
  }
  const struct {
    Response response;
    int code;
  } bad[] = {
      {{2, 1, 0, 3, QUOTE_SIZE, QUOTE_SIZE, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 0, 0, 3, QUOTE_SIZE, QUOTE_SIZE, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0x12001, 3, QUOTE_SIZE, QUOTE_SIZE, 0, 0}, DSTACK_ERROR_UNAVAILABLE},
      {{1, 1, 0, 4, QUOTE_SIZE, QUOTE_SIZE - 2, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 0xffffffff, QUOTE_SIZE, QUOTE_SIZE, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 3, QUOTE_SIZE - 1, QUOTE_SIZE, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 3, 1019, 1019, 0, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 3, QUOTE_SIZE, QUOTE_SIZE, 1, 0}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 3, QUOTE_SIZE, QUOTE_SIZE, 0, -1}, DSTACK_ERROR_INVALID},
      {{1, 1, 0, 0, QGS_MAX_MESSAGE, QGS_MAX_MESSAGE, 0, 0}, DSTACK_ERROR_INVALID},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    g_autoptr(GBytes) wrong = response_frame(&bad[i].response);
    g_assert_null(qgs_response(g_bytes_get_data(wrong, NULL), g_bytes_get_size(wrong), &error));
    g_assert_error(error, DSTACK_ERROR, bad[i].code);
    g_clear_error(&error);
  }
}

/* The service at the other end of a socket pair. */
typedef struct {
  int fd;
  GBytes *answer;
  gsize piece; /* bytes a write */
} Service;

static gpointer serve(gpointer data) {
  Service *service = data;
  guint8 request[REQUEST_FRAME];
  for (gsize got = 0; got < sizeof request;) {
    const ssize_t n = read(service->fd, request + got, sizeof request - got);
    g_assert_cmpint(n, >, 0);
    got += (gsize)n;
  }
  g_assert_cmphex(request[28], ==, 0xab);
  gsize len;
  const guint8 *answer = g_bytes_get_data(service->answer, &len);
  for (gsize sent = 0; sent < len; sent += service->piece)
    if (send(service->fd, answer + sent, MIN(service->piece, len - sent), MSG_NOSIGNAL) < 0)
      break; /* the client had enough */
  close(service->fd);
  return NULL;
}

static GBytes *exchange(GBytes *answer, gsize piece, GError **error) {
  int ends[2];
  guint8 report[TDX_REPORT_SIZE];
  memset(report, 0xab, sizeof report);
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  Service service = {ends[1], answer, piece};
  GThread *thread = g_thread_new("qgs", serve, &service);
  GBytes *quote = qgs_exchange(ends[0], report, in_ms(5000), error);
  close(ends[0]);
  g_thread_join(thread);
  return quote;
}

static void test_exchange(void) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) frame = response_frame(&good_response);
  for (gsize piece = 1; piece < 5000; piece *= 9) {
    g_autoptr(GBytes) quote = exchange(frame, piece, &error);
    g_assert_no_error(error);
    assert_quote(quote);
  }
  for (gsize cut = 0; cut < g_bytes_get_size(frame); cut += 7) {
    g_autoptr(GBytes) part = g_bytes_new_from_bytes(frame, 0, cut);
    g_assert_null(exchange(part, 4096, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_IO);
    g_clear_error(&error);
  }
  g_autoptr(GBytes) huge = bytes_of_hex("7fffffff"
                                        "00");
  g_assert_null(exchange(huge, 4096, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_silent_service(void) {
  int ends[2];
  const guint8 report[TDX_REPORT_SIZE] = {0};
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  g_assert_null(qgs_exchange(ends[0], report, in_ms(50), &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
  close(ends[0]);
  close(ends[1]);
}

typedef struct {
  char *directory, *config, *lock;
} Files;

static void set_up(Files *files, gconstpointer unused) {
  (void)unused;
  files->directory = g_dir_make_tmp("dstack-quote-XXXXXX", NULL);
  files->config = g_build_filename(files->directory, "tdx-attest.conf", NULL);
  files->lock = g_build_filename(files->directory, "lock", NULL);
}

static void tear_down(Files *files, gconstpointer unused) {
  (void)unused;
  g_assert_true(file_remove_tree(files->directory, NULL));
  g_free(files->directory);
  g_free(files->config);
  g_free(files->lock);
}

static void write_text(const char *path, const char *text) {
  g_assert_true(file_write_atomic(path, text, strlen(text), 0600, NULL));
}

static void test_port(Files *files, gconstpointer unused) {
  (void)unused;
  const struct {
    const char *text;
    guint32 port;
  } known[] = {{"port=4050\n", 4050},
               {"# port = 1\n  port  =  4050  \nport = 3\n", 4050},
               {"\n\nother = 7\nport = 9", 9},
               {"", 0},
               {"port = 0\n", 0},
               {"port = -1\n", 0},
               {"port = 4050x\n", 0},
               {"port = 4294967296\n", 0},
               {"port 4050\n", 0},
               {"#port = 4050\n", 0},
               {"import = 4050\n", 0}};
  g_assert_cmpuint(qgs_configured_port(files->config), ==, 0); /* no such file */
  for (gsize i = 0; i < G_N_ELEMENTS(known); i++) {
    write_text(files->config, known[i].text);
    g_assert_cmpuint(qgs_configured_port(files->config), ==, known[i].port);
  }
}

static void test_device_buffer(void) {
  g_autoptr(GError) error = NULL;
  guint8 report[TDX_REPORT_SIZE] = {0xab}, buffer[GUEST_QUOTE_BUFFER];
  guest_quote_buffer_fill(report, buffer);
  assert_hex(buffer, 28,
             "0100000000000000"
             "0000000000000000"
             "1c040000"
             "00000000"
             "00000418");
  g_assert_cmphex(buffer[24 + 28], ==, 0xab);
  g_autoptr(GBytes) frame = response_frame(&good_response);
  const guint32 len = (guint32)g_bytes_get_size(frame), out_len = GUINT32_TO_LE(len);
  memcpy(buffer + 20, &out_len, 4);
  memcpy(buffer + 24, g_bytes_get_data(frame, NULL), len);
  g_autoptr(GBytes) quote = guest_quote_buffer_read(buffer, &error);
  g_assert_no_error(error);
  assert_quote(quote);
  const struct {
    guint64 status;
    int code;
  } bad[] = {{G_MAXUINT64, DSTACK_ERROR_TIMEOUT},
             {0x8000000000000001u, DSTACK_ERROR_UNAVAILABLE},
             {0x8000000000000000u, DSTACK_ERROR_INTERNAL}};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
    const guint64 status = GUINT64_TO_LE(bad[i].status);
    memcpy(buffer + 8, &status, 8);
    g_assert_null(guest_quote_buffer_read(buffer, &error));
    g_assert_error(error, DSTACK_ERROR, bad[i].code);
    g_clear_error(&error);
  }
  memset(buffer + 8, 0, 8);
  const guint32 lengths[] = {0, len - 1, len + 1, GUEST_QUOTE_BUFFER, G_MAXUINT32};
  for (gsize i = 0; i < G_N_ELEMENTS(lengths); i++) {
    const guint32 wrong = GUINT32_TO_LE(lengths[i]);
    memcpy(buffer + 20, &wrong, 4);
    g_assert_null(guest_quote_buffer_read(buffer, NULL));
  }
}

/* What the injected calls saw. */
static guint device_calls, connect_calls;
static Service vsock_service;
static GThread *vsock_thread;

static gboolean give_report(const guint8 report_data[TDX_REPORT_DATA_SIZE], guint8 report[TDX_REPORT_SIZE],
                            GError **error) {
  (void)report_data;
  (void)error;
  memset(report, 0xab, TDX_REPORT_SIZE);
  return TRUE;
}

static gboolean refuse_report(const guint8 report_data[TDX_REPORT_DATA_SIZE], guint8 report[TDX_REPORT_SIZE],
                              GError **error) {
  (void)report_data;
  (void)report;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "no report");
  return FALSE;
}

static GBytes *device_quote(const guint8 report[TDX_REPORT_SIZE], GError **error) {
  (void)report;
  (void)error;
  device_calls++;
  guint8 quote[QUOTE_SIZE];
  memset(quote, 0x77, sizeof quote);
  return g_bytes_new(quote, sizeof quote);
}

static GMutex slow_lock;
static gboolean slow_may_end; /* under the lock */
static GCond slow_changed;

/* A driver that does not come back before the test says so. */
static GBytes *slow_device_quote(const guint8 report[TDX_REPORT_SIZE], GError **error) {
  g_mutex_lock(&slow_lock);
  while (!slow_may_end)
    g_cond_wait(&slow_changed, &slow_lock);
  g_mutex_unlock(&slow_lock);
  return device_quote(report, error);
}

static GBytes *failing_device_quote(const guint8 report[TDX_REPORT_SIZE], GError **error) {
  (void)report;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "no such call");
  return NULL;
}

static int connect_service(guint32 port, gint64 deadline, GError **error) {
  (void)deadline;
  (void)error;
  int ends[2];
  g_assert_cmpuint(port, ==, 4050);
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
  connect_calls++;
  vsock_service.fd = ends[1];
  vsock_thread = g_thread_new("qgs", serve, &vsock_service);
  return ends[0];
}

static int connect_nothing(guint32 port, gint64 deadline, GError **error) {
  (void)port;
  (void)deadline;
  connect_calls++;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "connection refused");
  return -1;
}

static QuoteSource source_of(const Files *files) {
  device_calls = connect_calls = 0;
  return (QuoteSource){.configfs_directory = "/nonexistent/dstack/report",
                       .qgs_config = files->config,
                       .lock = files->lock,
                       .connect = connect_service,
                       .get_report = give_report,
                       .device_quote = device_quote};
}

static GBytes *get(const QuoteSource *source, QuoteStep *step, GError **error) {
  const guint8 report_data[64] = {1};
  return quote_source_get(source, report_data, step, error);
}

static void test_order(Files *files, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  QuoteStep step;
  QuoteSource source = source_of(files);
  g_autoptr(GBytes) by_device = get(&source, &step, &error); /* no port: the device */
  g_assert_no_error(error);
  assert_quote(by_device);
  g_assert_true(device_calls == 1 && connect_calls == 0 && step == QUOTE_STEP_NONE);

  write_text(files->config, "port = 4050\n");
  source = source_of(files);
  source.connect = connect_nothing;
  g_autoptr(GBytes) unconnected = get(&source, &step, &error); /* nobody there: the device */
  assert_quote(unconnected);
  g_assert_true(device_calls == 1 && connect_calls == 1);

  source = source_of(files);
  g_autoptr(GBytes) frame = response_frame(&good_response);
  vsock_service = (Service){.answer = frame, .piece = 4096};
  g_autoptr(GBytes) by_vsock = get(&source, &step, &error);
  g_thread_join(vsock_thread);
  g_assert_no_error(error);
  assert_quote(by_vsock);
  g_assert_true(device_calls == 0 && connect_calls == 1);
}

/* Once a way was chosen, its failure is not covered up by another. */
static void test_failures(Files *files, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  QuoteStep step;
  write_text(files->config, "port = 4050\n");
  QuoteSource source = source_of(files);
  Response refusal = good_response;
  refusal.code = 0x12001;
  g_autoptr(GBytes) frame = response_frame(&refusal);
  vsock_service = (Service){.answer = frame, .piece = 4096};
  g_assert_null(get(&source, &step, &error));
  g_thread_join(vsock_thread);
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_assert_true(device_calls == 0 && step == QUOTE_STEP_VSOCK);
  g_clear_error(&error);

  source = source_of(files);
  source.get_report = refuse_report;
  g_assert_null(get(&source, &step, &error));
  g_assert_true(connect_calls == 0 && device_calls == 0 && step == QUOTE_STEP_REPORT);
  g_clear_error(&error);

  source = source_of(files);
  source.configfs_only = TRUE;
  g_assert_null(get(&source, &step, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  g_assert_true(connect_calls == 0 && device_calls == 0 && step == QUOTE_STEP_CONFIGFS);
}

/* A report entry whose kernel is a thread: it answers each write of inblob. */
typedef struct {
  char *directory;
  gint stop;
} Kernel;

static void put_attribute(const Kernel *kernel, const char *name, const void *data, gsize len) {
  g_autofree char *path = g_build_filename(kernel->directory, name, NULL);
  g_assert_true(g_file_set_contents_full(path, data, (gssize)len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
}

static gpointer run_kernel(gpointer data) {
  Kernel *kernel = data;
  g_autofree char *inblob = g_build_filename(kernel->directory, "inblob", NULL);
  while (!g_atomic_int_get(&kernel->stop)) {
    g_autoptr(GBytes) request = file_read(inblob, 4096, NULL);
    if (request && g_bytes_get_size(request) == 64) {
      guint8 quote[QUOTE_SIZE];
      memset(quote, 0x77, sizeof quote);
      put_attribute(kernel, "outblob", quote, sizeof quote);
      put_attribute(kernel, "generation", "6\n", 2);
      return NULL;
    }
    g_usleep(1000);
  }
  return NULL;
}

static void test_configfs(Files *files, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  Kernel kernel = {.directory = files->directory};
  put_attribute(&kernel, "provider", "tdx_guest\n", 10);
  put_attribute(&kernel, "generation", "5\n", 2);
  put_attribute(&kernel, "inblob", "", 0);
  GThread *thread = g_thread_new("kernel", run_kernel, &kernel);
  QuoteSource source = source_of(files);
  source.configfs_directory = files->directory;
  QuoteStep step;
  g_autoptr(GBytes) quote = get(&source, &step, &error);
  g_atomic_int_set(&kernel.stop, 1);
  g_thread_join(thread);
  g_assert_no_error(error);
  assert_quote(quote);
  g_assert_true(device_calls == 0 && connect_calls == 0);
  put_attribute(&kernel, "provider", "sev_guest\n", 10); /* another TEE's: not this way */
  g_autoptr(GBytes) by_device = get(&source, &step, &error);
  assert_quote(by_device);
  g_assert_cmpuint(device_calls, ==, 1);
}

/* The device has no end of its own: what does not come back in time is left behind, once. */
static void test_slow_device(Files *files, gconstpointer unused) {
  (void)unused;
  g_autoptr(GError) error = NULL;
  QuoteStep step;
  QuoteSource source = source_of(files);
  source.timeout_us = 50 * G_TIME_SPAN_MILLISECOND;
  source.device_quote = slow_device_quote;
  static const char *const reasons[] = {"no quote in time", "still busy with an earlier quote"};
  for (gsize i = 0; i < G_N_ELEMENTS(reasons); i++) {
    g_assert_null(get(&source, &step, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, reasons[i]));
    g_assert_cmpint(step, ==, QUOTE_STEP_DEVICE);
    g_clear_error(&error);
  }
  g_mutex_lock(&slow_lock);
  slow_may_end = TRUE;
  g_cond_signal(&slow_changed);
  g_mutex_unlock(&slow_lock);
  source.timeout_us = 0;
  g_autoptr(GBytes) quote = NULL;
  for (int tries = 0; !quote && tries < 1000; tries++) {
    quote = get(&source, &step, NULL); /* as soon as the one left behind has ended */
    g_usleep(quote ? 0 : 5000);
  }
  assert_quote(quote);
  source.device_quote = failing_device_quote;
  g_assert_null(get(&source, &step, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
}

#define ADD(path, function) g_test_add(path, Files, NULL, set_up, function, tear_down)

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/qgs/request", test_request);
  g_test_add_func("/tdx/qgs/response", test_response);
  g_test_add_func("/tdx/qgs/exchange", test_exchange);
  g_test_add_func("/tdx/qgs/silent", test_silent_service);
  ADD("/tdx/qgs/port", test_port);
  g_test_add_func("/tdx/device/buffer", test_device_buffer);
  ADD("/tdx/quote-source/order", test_order);
  ADD("/tdx/quote-source/failures", test_failures);
  ADD("/tdx/quote-source/slow-device", test_slow_device);
  ADD("/tdx/quote-source/configfs", test_configfs);
  return g_test_run();
}
