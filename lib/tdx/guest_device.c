#include "tdx/guest_device.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/tdx_guest"
#define REPORT_SIZE 1024
#define REPORT_RTMR0_AT (512 + 8 + 8 + 4 * TDX_MR_SIZE) /* TDINFO: attributes, xfam, MRTD, config id, owner, owner config */

typedef struct {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  guint8 report[REPORT_SIZE];
} ReportRequest;

typedef struct {
  guint8 digest[TDX_MR_SIZE];
  guint8 index;
} ExtendRequest;

#define GET_REPORT0 _IOWR('T', 1, ReportRequest)
#define EXTEND_RTMR _IOR('T', 3, ExtendRequest)
#define EXTEND_RTMR_DSTACK _IOW('T', 3, ExtendRequest) /* the number in dstack's own kernel module */

static int open_device(GError **error) {
  int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
  if (fd < 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, DEVICE ": %s", g_strerror(errno));
  return fd;
}

static gboolean report_result(int result, int errnum, const char *what, GError **error) {
  if (result == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, errnum == EINVAL ? DSTACK_ERROR_INVALID : DSTACK_ERROR_UNAVAILABLE, DEVICE ": %s: %s", what,
              g_strerror(errnum));
  return FALSE;
}

gboolean guest_device_extend(guint index, const guint8 digest[TDX_MR_SIZE], GError **error) {
  int fd = open_device(error);
  if (fd < 0)
    return FALSE;
  ExtendRequest request = {.index = (guint8)index};
  memcpy(request.digest, digest, sizeof request.digest);
  int result = ioctl(fd, EXTEND_RTMR, &request);
  if (result != 0 && errno == ENOTTY)
    result = ioctl(fd, EXTEND_RTMR_DSTACK, &request);
  int saved = errno;
  (void)close(fd); /* a device: nothing to flush */
  return report_result(result, saved, "failed to extend a register", error);
}

gboolean guest_device_read(guint index, guint8 out[TDX_MR_SIZE], GError **error) {
  int fd = open_device(error);
  if (fd < 0)
    return FALSE;
  ReportRequest request = {0};
  int result = ioctl(fd, GET_REPORT0, &request);
  int saved = errno;
  (void)close(fd); /* a device: nothing to flush */
  memcpy(out, request.report + REPORT_RTMR0_AT + index * TDX_MR_SIZE, TDX_MR_SIZE);
  return report_result(result, saved, "failed to get a report", error);
}
