/* Who an attested CVM is: identities decoded from a verified quote and its replayed event log (spec: attestation C.8). */
#pragma once

#include "tdx/event_log.h"
#include "tdx/quote.h"

#include <glib.h>

typedef enum {
  APP_INFO_RUNTIME,  /* RTMR3 in full */
  APP_INFO_BOOT_TIME /* RTMR3 up to and with "boot-mr-done", key provider left out: stable while the app runs */
} AppInfoMode;

typedef struct {
  GBytes *app_id;        /* 20 bytes, or empty */
  GBytes *compose_hash;  /* 32 */
  GBytes *instance_id;   /* 20, or empty */
  GBytes *os_image_hash; /* of the event; empty when there is none */
  GBytes *key_provider_info; /* JSON text; empty when there is none, and in boot-time mode */
  guint8 device_id[32];
  guint8 mr_system[32], mr_aggregated[32];
  guint8 mrtd[48], rtmr[4][48];
} AppInfo;

/* Requires the log to replay to the quote's RTMR0-3 (error UNVERIFIED "rtmr mismatch: RTMRn"), a compose-hash event, fixed
 * payload sizes, and no duplicates among the system events (INVALID). The caller has verified the quote, or says that the
 * result is unverified. */
AppInfo *app_info_decode(const Quote *quote, TdxEventLog *log, AppInfoMode mode, GError **error);
void app_info_free(AppInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppInfo, app_info_free)
