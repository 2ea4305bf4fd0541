/* The ways to a quote on this machine, in their order (spec: attestation F.4). */
#pragma once

#include "tdx/qgs.h"

#include <glib.h>

#define QUOTE_TIMEOUT_US (60 * G_USEC_PER_SEC)
#define QUOTE_CONFIGFS_DIRECTORY "/sys/kernel/config/tsm/report/com.intel.dcap"
#define QUOTE_QGS_CONFIG "/etc/tdx-attest.conf"
#define QUOTE_LOCK "/run/lock/dstack-tdx-quote.lock"

typedef struct {
  const char *configfs_directory;
  gboolean configfs_only; /* named by the environment: nothing else is tried */
  const char *qgs_config;
  const char *lock;  /* serialises the other ways among all processes */
  gint64 timeout_us; /* of all steps together; 0: QUOTE_TIMEOUT_US */
  /* The kernel's; tests put in their own. */
  int (*connect)(guint32 port, gint64 deadline, GError **error);
  gboolean (*get_report)(const guint8 report_data[TDX_REPORT_DATA_SIZE], guint8 report[TDX_REPORT_SIZE],
                         GError **error);
  GBytes *(*device_quote)(const guint8 report[TDX_REPORT_SIZE], GError **error);
} QuoteSource;

/* Where a quote was lost; for callers that tell by number. */
typedef enum { QUOTE_STEP_NONE, QUOTE_STEP_CONFIGFS, QUOTE_STEP_REPORT, QUOTE_STEP_VSOCK, QUOTE_STEP_DEVICE } QuoteStep;

/* The kernel's interfaces, with the default paths. */
void quote_source_init(QuoteSource *source);
/* A way is chosen by whether it is there: configfs-tsm, then the service over vsock, then the device. Once chosen, its
 * failure is final. *step (may be NULL) is QUOTE_STEP_NONE on success. Errors as those of the way. */
GBytes *quote_source_get(const QuoteSource *source, const guint8 report_data[TDX_REPORT_DATA_SIZE], QuoteStep *step,
                         GError **error);
