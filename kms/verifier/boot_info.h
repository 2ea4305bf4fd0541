/* What the webhook is asked about: the identity of an attested CVM, as proven (spec: kms 7.2, 7.3). */
#pragma once

#include "kms/protocol.h"

#include "base/json.h"
#include "ratls/evidence.h"

#include <glib.h>

typedef struct {
  GBytes *app_id;       /* 20 bytes */
  GBytes *instance_id;  /* 20 bytes, or empty */
  GBytes *compose_hash; /* 32 bytes */
  GBytes *key_provider_info;
  guint8 mr_system[32], mr_aggregated[32], device_id[32];
  guint8 mrtd[48], rtmr[4][48];
  guint8 os_image_hash[KMS_IMAGE_HASH_SIZE]; /* as claimed by vm_config, until the image was verified */
  char *event_log;                           /* JSON text as received */
  const char *tcb_status;
  char **advisory_ids;
} BootInfo;
void boot_info_clear(BootInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(BootInfo, boot_info_clear)

/* APP_INFO_BOOT_TIME leaves out what an app did after boot, so that its runtime events do not change its measurements.
 * Error UNVERIFIED when app_id is not 20 bytes, instance_id neither 0 nor 20, or compose_hash not 32. */
gboolean boot_info_from_evidence(const VerifiedEvidence *evidence, AppInfoMode mode,
                                 const guint8 os_image_hash[KMS_IMAGE_HASH_SIZE], BootInfo *out, GError **error);
/* The request body. Error INVALID when the event log is no UTF-8. */
char *boot_info_to_json(const BootInfo *info, GError **error);
