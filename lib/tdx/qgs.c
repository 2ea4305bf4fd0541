#include "tdx/qgs.h"

#include "base/error.h"
#include "base/file.h"
#include "base/reader.h"

#include <errno.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAJOR_VERSION 1
#define MINOR_VERSION 1
#define GET_QUOTE_REQUEST 0
#define GET_QUOTE_RESPONSE 1
#define MESSAGE_HEADER 16
#define REQUEST_SIZE (MESSAGE_HEADER + 8 + TDX_REPORT_SIZE)
#define CONFIG_MAX_SIZE 4096

static void put_u16(GByteArray *out, guint16 value) {
  const guint16 coded = GUINT16_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&coded, sizeof coded);
}

static void put_u32(GByteArray *out, guint32 value) {
  const guint32 coded = GUINT32_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&coded, sizeof coded);
}

GBytes *qgs_request(const guint8 report[TDX_REPORT_SIZE]) {
  GByteArray *out = g_byte_array_new();
  put_u32(out,
          GUINT32_SWAP_LE_BE(REQUEST_SIZE)); /* the frame's length is big-endian, everything inside little-endian */
  put_u16(out, MAJOR_VERSION);
  put_u16(out, MINOR_VERSION);
  put_u32(out, GET_QUOTE_REQUEST);
  put_u32(out, REQUEST_SIZE);
  put_u32(out, 0); /* error code */
  put_u32(out, TDX_REPORT_SIZE);
  put_u32(out, 0); /* no list of key ids: the service's default */
  g_byte_array_append(out, report, TDX_REPORT_SIZE);
  return g_byte_array_free_to_bytes(out);
}

static GBytes *invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "quote generation service: %s", why);
  return NULL;
}

static gboolean read_header(Reader *reader, guint32 frame_len, GError **error) {
  const guint16 major = reader_u16le(reader);
  reader_skip(reader, 2); /* minor version: additions only */
  const guint32 type = reader_u32le(reader), size = reader_u32le(reader), code = reader_u32le(reader);
  if (!reader_ok(reader) || size != frame_len)
    return invalid(error, "a response of the wrong size") != NULL;
  if (major != MAJOR_VERSION || type != GET_QUOTE_RESPONSE)
    return invalid(error, "not a response to a quote request") != NULL;
  if (code == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "quote generation service: error 0x%x", code);
  return FALSE;
}

GBytes *qgs_response(const void *frame, gsize len, GError **error) {
  Reader reader = reader_init(frame, len);
  const guint32 frame_len = reader_u32be(&reader);
  if (!reader_ok(&reader) || frame_len != reader_remaining(&reader) || frame_len > QGS_MAX_MESSAGE)
    return invalid(error, "a frame of the wrong size");
  if (!read_header(&reader, frame_len, error))
    return NULL;
  const guint32 id_size = reader_u32le(&reader), quote_size = reader_u32le(&reader);
  reader_skip(&reader, id_size);
  const guint8 *quote = reader_take(&reader, quote_size);
  if (!quote || reader_remaining(&reader) > 0)
    return invalid(error, "the parts of the response do not add up");
  if (quote_size < QGS_MIN_QUOTE)
    return invalid(error, "a quote that is too short");
  return g_bytes_new(quote, quote_size);
}

static gboolean fail_io(GError **error, int errnum) {
  dstack_set_errno(error, errnum, "failed to talk to the quote generation service");
  return FALSE;
}

static gboolean wait_for(int fd, short events, gint64 deadline, GError **error) {
  for (;;) {
    const gint64 left_ms = (deadline - g_get_monotonic_time()) / 1000;
    if (left_ms <= 0)
      break;
    struct pollfd poller = {.fd = fd, .events = events};
    const int ready = poll(&poller, 1, (int)MIN(left_ms, G_MAXINT));
    if (ready > 0)
      return TRUE;
    if (ready < 0 && errno != EINTR)
      return fail_io(error, errno);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "the quote generation service did not answer in time");
  return FALSE;
}

static gboolean send_all(int fd, GBytes *bytes, gint64 deadline, GError **error) {
  gsize len, sent = 0;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  while (sent < len) {
    if (!wait_for(fd, POLLOUT, deadline, error))
      return FALSE;
    const ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return fail_io(error, errno);
    sent += n > 0 ? (gsize)n : 0;
  }
  return TRUE;
}

static gboolean receive_all(int fd, guint8 *out, gsize len, gint64 deadline, GError **error) {
  for (gsize got = 0; got < len;) {
    if (!wait_for(fd, POLLIN, deadline, error))
      return FALSE;
    const ssize_t n = recv(fd, out + got, len - got, MSG_DONTWAIT);
    if (n == 0)
      return fail_io(error, ECONNRESET);
    if (n < 0 && errno != EINTR && errno != EAGAIN)
      return fail_io(error, errno);
    got += n > 0 ? (gsize)n : 0;
  }
  return TRUE;
}

GBytes *qgs_exchange(int fd, const guint8 report[TDX_REPORT_SIZE], gint64 deadline, GError **error) {
  g_autoptr(GBytes) request = qgs_request(report);
  g_autofree guint8 *frame = g_malloc(QGS_FRAME_HEADER + QGS_MAX_MESSAGE);
  if (!send_all(fd, request, deadline, error) || !receive_all(fd, frame, QGS_FRAME_HEADER, deadline, error))
    return NULL;
  Reader header = reader_init(frame, QGS_FRAME_HEADER);
  const guint32 len = reader_u32be(&header);
  if (len > QGS_MAX_MESSAGE)
    return invalid(error, "a response that is too large");
  if (!receive_all(fd, frame + QGS_FRAME_HEADER, len, deadline, error))
    return NULL;
  return qgs_response(frame, QGS_FRAME_HEADER + (gsize)len, error);
}

/* "port = N" with spaces around any of the three; 0 for any other line. */
static guint32 port_of_line(char *line) {
  char *equals = strchr(line, '=');
  guint64 port = 0;
  if (!equals)
    return 0;
  *equals = '\0';
  if (strcmp(g_strstrip(line), "port") != 0)
    return 0;
  return g_ascii_string_to_unsigned(g_strstrip(equals + 1), 10, 1, G_MAXUINT32 - 1, &port, NULL) ? (guint32)port : 0;
}

guint32 qgs_configured_port(const char *config_path) {
  g_autofree char *text = file_read_text(config_path, CONFIG_MAX_SIZE, NULL); /* what can't be read names no port */
  g_auto(GStrv) lines = g_strsplit(text ? text : "", "\n", -1);
  for (char **line = lines; *line; line++) {
    const char *start = g_strchug(*line);
    const guint32 port = *start == '#' ? 0 : port_of_line(*line);
    if (port)
      return port;
  }
  return 0;
}

static gboolean finish_connect(int fd, gint64 deadline, GError **error) {
  int failure = 0;
  socklen_t size = sizeof failure;
  if (errno != EINPROGRESS)
    return fail_io(error, errno);
  if (!wait_for(fd, POLLOUT, deadline, error))
    return FALSE;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0)
    failure = errno;
  return failure == 0 || fail_io(error, failure);
}

int qgs_connect(guint32 port, gint64 deadline, GError **error) {
  const struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
  const int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    fail_io(error, errno);
    return -1;
  }
  if (connect(fd, (const struct sockaddr *)&host, sizeof host) == 0 || finish_connect(fd, deadline, error))
    return fd;
  (void)close(fd); /* never connected */
  return -1;
}
