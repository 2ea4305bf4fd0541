/* The TEE this program runs in: taking quotes, extending registers, reading the boot log.
 *
 * One interface, two makers: the real Linux interfaces (configfs-tsm, measurement registers in sysfs, the CCEL table),
 * which a development guest's simulator presents too, and the in-process simulated TEE of tdx/simulated.h for laptops
 * and tests. */
#pragma once

#include "tdx/event_log.h"
#include "tdx/quote.h"

#include <glib.h>

typedef struct TdxPlatform TdxPlatform;

typedef struct {
  /* Each sets an error and returns NULL or FALSE on failure; UNAVAILABLE when the device is missing or busy. */
  GBytes *(*get_quote)(TdxPlatform *self, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
  gboolean (*extend_rtmr)(TdxPlatform *self, guint index, const guint8 digest[48], GError **error);
  /* Current value of a register. */
  gboolean (*read_rtmr)(TdxPlatform *self, guint index, guint8 out[48], GError **error);
  /* Boot events; an empty log where the platform has no table is an error, not an empty answer. */
  TdxEventLog *(*boot_log)(TdxPlatform *self, GError **error);
  void (*free)(TdxPlatform *self);
} TdxPlatformOps;

struct TdxPlatform {
  const TdxPlatformOps *ops;
  const char *name;       /* "tdx" or "simulated" */
  char *runtime_log_path; /* JSON lines, one TdxEvent each */
  char *runtime_lock_path;
  struct TdxRuntimeCache *runtime_cache; /* of lib/tdx; NULL at first */
};

/* The Linux interfaces. Environment, as the reference's: DCAP_TDX_QUOTE_CONFIGFS_PATH (directory of one tsm report
 * entry, default /sys/kernel/config/tsm/report/com.intel.dcap), DCAP_TDX_RTMR_SYSFS_PATH, DSTACK_CCEL_FILE. */
TdxPlatform *tdx_platform_linux(GError **error);
void tdx_platform_free(TdxPlatform *platform);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxPlatform, tdx_platform_free)

/* Chooses the digest rule (1 or 2) of all runtime events of this boot, before the first one. Not chosen: 1. Errors
 * INVALID: another version, or events were emitted already; EXISTS: another one was chosen. */
gboolean tdx_choose_event_version(TdxPlatform *platform, guint version, GError **error);

/* Emits a runtime event: extends RTMR3 and appends to the runtime log as one step under one lock shared by all
 * processes (spec: attestation C.7). If the append fails after the extension the log is marked broken and later quotes
 * with logs are refused. */
gboolean tdx_emit_event(TdxPlatform *platform, const char *name, const void *payload, gsize len, GError **error);

/* A quote with the log that replays to it, taken under the same lock. */
typedef struct {
  GBytes *quote;
  TdxEventLog *log;
} TdxEvidence;
TdxEvidence *tdx_get_evidence(TdxPlatform *platform, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
void tdx_evidence_free(TdxEvidence *evidence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxEvidence, tdx_evidence_free)
