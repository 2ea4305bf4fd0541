/* Who an attested CVM is: identities decoded from a verified quote and its replayed event log (spec: attestation C.8).
 */
#pragma once

#include "tdx/event_log.h"
#include "tdx/quote.h"

#include <glib.h>

typedef enum {
  APP_INFO_RUNTIME,  /* RTMR3 in full */
  APP_INFO_BOOT_TIME /* RTMR3 up to and with "boot-mr-done", key provider left out: stable while the app runs */
} AppInfoMode;

typedef struct {
  GBytes *app_id;                /* 20 bytes, or empty */
  GBytes *compose_hash;          /* 32 */
  GBytes *instance_id;           /* 20, or empty */
  GBytes *os_image_hash;         /* of the event; empty when there is none */
  GBytes *key_provider_info;     /* JSON text; empty when there is none, and in boot-time mode */
  GPtrArray *init_script_hashes; /* GBytes* of 32 bytes, in order */
  guint8 device_id[32]; /* sha256 of the quote's user data, which the host chooses; see app_info_set_device_of_ppid() */
  guint8 mr_system[32], mr_aggregated[32];
  guint8 mrtd[48], rtmr[4][48];
} AppInfo;

/* Requires the log to replay to the quote's RTMR0-3 (error UNVERIFIED "rtmr mismatch: RTMRn"), a compose-hash event,
 * fixed payload sizes, and no duplicates among the system events (INVALID). The caller has verified the quote, or says
 * that the result is unverified. */
AppInfo *app_info_decode(const Quote *quote, TdxEventLog *log, AppInfoMode mode, GError **error);
/* The same for a log that may lack boot events: only RTMR3 is replayed. RTMR0-2 are the quote's, and nothing is said
 * about what made them: the caller compares them with an image's. */
AppInfo *app_info_decode_stripped(const Quote *quote, TdxEventLog *log, AppInfoMode mode, GError **error);
/* Error UNVERIFIED "rtmr mismatch: RTMRn" unless the log replays to the quote's RTMR0-2. */
gboolean app_info_check_boot(const Quote *quote, TdxEventLog *log, GError **error);
/* Newer peers' device id: sha256 of the platform id in the verified PCK certificate. */
void app_info_set_device_of_ppid(AppInfo *info, const guint8 ppid[16]);
void app_info_free(AppInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppInfo, app_info_free)
