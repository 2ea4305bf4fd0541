#include "tdx/guest_device.h"

#include "base/error.h"
#include "base/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/tdx_guest"
#define REPORT_RTMR0_AT                                                                                                \
  (512 + 8 + 8 + 4 * TDX_MR_SIZE) /* TDINFO: attributes, xfam, MRTD, config id, owner, owner config */
#define QUOTE_BUFFER_VERSION 1
#define QUOTE_BUFFER_HEADER 24 /* version, status, lengths in and out */
#define STATUS_IN_FLIGHT G_MAXUINT64
#define STATUS_SERVICE_UNAVAILABLE 0x8000000000000001u

typedef struct {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  guint8 report[TDX_REPORT_SIZE];
} ReportRequest;

typedef struct {
  guint8 digest[TDX_MR_SIZE];
  guint8 index;
} ExtendRequest;

typedef struct {
  guint64 buffer, len;
} QuoteRequest;

G_STATIC_ASSERT(sizeof(ReportRequest) == 1088);
G_STATIC_ASSERT(sizeof(ExtendRequest) == 49);
G_STATIC_ASSERT(sizeof(QuoteRequest) == 16);

#define GET_REPORT0 _IOWR('T', 1, ReportRequest)
#define EXTEND_RTMR _IOR('T', 3, ExtendRequest)
#define EXTEND_RTMR_DSTACK _IOW('T', 3, ExtendRequest) /* the number in dstack's own kernel module */
#define GET_QUOTE _IOR('T', 4, QuoteRequest)
#define GET_QUOTE_BOTH_WAYS _IOWR('T', 4, QuoteRequest) /* the number in other kernels */

G_STATIC_ASSERT(GET_REPORT0 == 0xC4405401);
G_STATIC_ASSERT(EXTEND_RTMR == 0x80315403);
G_STATIC_ASSERT(EXTEND_RTMR_DSTACK == 0x40315403);
G_STATIC_ASSERT(GET_QUOTE == 0x80105404);
G_STATIC_ASSERT(GET_QUOTE_BOTH_WAYS == 0xC0105404);

static int open_device(GError **error) {
  int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, DEVICE ": %s", g_strerror(errno));
  return fd;
}

static gboolean report_result(int result, int errnum, const char *what, GError **error) {
  if (result == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, errnum == EINVAL ? DSTACK_ERROR_INVALID : DSTACK_ERROR_UNAVAILABLE,
              DEVICE ": %s: %s", what, g_strerror(errnum));
  return FALSE;
}

/* The same call goes by two numbers. */
static gboolean call_either(unsigned long first, unsigned long second, void *argument, const char *what,
                            GError **error) {
  int fd = open_device(error);
  if (fd < 0)
    return FALSE;
  int result = ioctl(fd, first, argument);
  if (result != 0 && errno == ENOTTY)
    result = ioctl(fd, second, argument);
  int saved = errno;
  (void)close(fd); /* a device: nothing to flush */
  return report_result(result, saved, what, error);
}

gboolean guest_device_extend(guint index, const guint8 digest[TDX_MR_SIZE], GError **error) {
  ExtendRequest request = {.index = (guint8)index};
  memcpy(request.digest, digest, sizeof request.digest);
  return call_either(EXTEND_RTMR, EXTEND_RTMR_DSTACK, &request, "failed to extend a register", error);
}

gboolean guest_device_report(const guint8 report_data[TDX_REPORT_DATA_SIZE], guint8 report[TDX_REPORT_SIZE],
                             GError **error) {
  ReportRequest request = {0};
  memcpy(request.report_data, report_data, sizeof request.report_data);
  if (!call_either(GET_REPORT0, GET_REPORT0, &request, "failed to get a report", error))
    return FALSE;
  memcpy(report, request.report, sizeof request.report);
  return TRUE;
}

gboolean guest_device_read(guint index, guint8 out[TDX_MR_SIZE], GError **error) {
  static const guint8 no_data[TDX_REPORT_DATA_SIZE];
  guint8 report[TDX_REPORT_SIZE];
  if (!guest_device_report(no_data, report, error))
    return FALSE;
  memcpy(out, report + REPORT_RTMR0_AT + index * TDX_MR_SIZE, TDX_MR_SIZE);
  return TRUE;
}

void guest_quote_buffer_fill(const guint8 report[TDX_REPORT_SIZE], guint8 buffer[GUEST_QUOTE_BUFFER]) {
  g_autoptr(GBytes) request = qgs_request(report);
  gsize len;
  const void *frame = g_bytes_get_data(request, &len);
  const guint64 version = GUINT64_TO_LE(QUOTE_BUFFER_VERSION);
  const guint32 in_len = GUINT32_TO_LE((guint32)len);
  memset(buffer, 0, GUEST_QUOTE_BUFFER);
  memcpy(buffer, &version, sizeof version);
  memcpy(buffer + 16, &in_len, sizeof in_len);
  memcpy(buffer + QUOTE_BUFFER_HEADER, frame, len);
}

static gboolean check_status(guint64 status, GError **error) {
  if (status == 0)
    return TRUE;
  if (status == STATUS_IN_FLIGHT)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, DEVICE ": busy with another quote");
  else if (status == STATUS_SERVICE_UNAVAILABLE)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE,
                DEVICE ": the quote generation service is not available");
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, DEVICE ": quote status 0x%" G_GINT64_MODIFIER "x", status);
  return FALSE;
}

GBytes *guest_quote_buffer_read(const guint8 buffer[GUEST_QUOTE_BUFFER], GError **error) {
  Reader reader = reader_init(buffer, GUEST_QUOTE_BUFFER);
  reader_skip(&reader, 8); /* version */
  const guint64 status = reader_u64le(&reader);
  reader_skip(&reader, 4); /* length of what went in */
  const guint32 len = reader_u32le(&reader);
  if (!check_status(status, error))
    return NULL;
  const guint8 *frame = reader_take(&reader, len);
  return frame ? qgs_response(frame, len, error) : qgs_response("", 0, error);
}

GBytes *guest_device_quote(const guint8 report[TDX_REPORT_SIZE], GError **error) {
  guint8 *buffer = g_aligned_alloc(1, GUEST_QUOTE_BUFFER, 4096);
  guest_quote_buffer_fill(report, buffer);
  QuoteRequest request = {(guint64)(gsize)buffer, GUEST_QUOTE_BUFFER};
  GBytes *quote = NULL;
  if (call_either(GET_QUOTE, GET_QUOTE_BOTH_WAYS, &request, "failed to get a quote", error))
    quote = guest_quote_buffer_read(buffer, error);
  g_aligned_free(buffer);
  return quote;
}
