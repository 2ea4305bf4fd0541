#include "tdx/quote_source.h"

#include "base/error.h"
#include "tdx/configfs.h"
#include "tdx/device_call.h"
#include "tdx/guest_device.h"
#include "tdx/lock.h"

#include <unistd.h>

void quote_source_init(QuoteSource *source) {
  *source = (QuoteSource){.configfs_directory = QUOTE_CONFIGFS_DIRECTORY,
                          .qgs_config = QUOTE_QGS_CONFIG,
                          .lock = QUOTE_LOCK,
                          .connect = qgs_connect,
                          .get_report = guest_device_report,
                          .device_quote = guest_device_quote};
}

/* -1: this way is not there. */
static int connect_service(const QuoteSource *source, gint64 deadline) {
  const guint32 port = qgs_configured_port(source->qgs_config);
  return port ? source->connect(port, deadline, NULL) : -1;
}

static GBytes *quote_of_report(const QuoteSource *source, const guint8 report_data[TDX_REPORT_DATA_SIZE],
                               gint64 deadline, QuoteStep *step, GError **error) {
  guint8 report[TDX_REPORT_SIZE];
  *step = QUOTE_STEP_REPORT;
  g_auto(TdxLock) lock = tdx_lock_acquire(source->lock, error);
  if (lock < 0 || !source->get_report(report_data, report, error))
    return NULL;
  const int fd = connect_service(source, deadline);
  *step = fd >= 0 ? QUOTE_STEP_VSOCK : QUOTE_STEP_DEVICE;
  if (fd < 0)
    return device_call(source->device_quote, report, deadline, error);
  GBytes *quote = qgs_exchange(fd, report, deadline, error);
  (void)close(fd); /* what was sent was answered, or is of no use */
  return quote;
}

GBytes *quote_source_get(const QuoteSource *source, const guint8 report_data[TDX_REPORT_DATA_SIZE], QuoteStep *step,
                         GError **error) {
  const gint64 timeout = source->timeout_us ? source->timeout_us : QUOTE_TIMEOUT_US;
  const gint64 deadline = g_get_monotonic_time() + timeout;
  g_autoptr(GError) missing = NULL;
  QuoteStep at = QUOTE_STEP_CONFIGFS;
  GBytes *quote = NULL;
  if (configfs_open(source->configfs_directory, &missing))
    quote = configfs_get_quote(source->configfs_directory, report_data, deadline, error);
  else if (source->configfs_only)
    g_propagate_error(error, g_steal_pointer(&missing));
  else
    quote = quote_of_report(source, report_data, deadline, &at, error);
  if (!quote && missing)
    g_prefix_error(error, "%s; ", missing->message);
  if (step)
    *step = quote ? QUOTE_STEP_NONE : at;
  return quote;
}
