/* What the host tells a development guest to present (`.tee-simulator.json` of the host share). */
#pragma once

#include "base/secret.h"
#include "tdx/event_log.h"

typedef struct {
  Secret *seed;           /* 32 bytes, of the host's installation */
  guint8 mrtd[48];        /* as real hardware would measure this image on this machine */
  guint8 mr_config_id[48];
  TdxEventLog *boot_log;  /* events of RTMR0-2 */
} TeeConfig;

#define TEE_CONFIG_NAME ".tee-simulator.json"

/* Errors: NOT_FOUND, INVALID, NOT_IMPLEMENTED (a platform other than "dstack-tdx"). */
TeeConfig *tee_config_load(const char *path, GError **error);
TeeConfig *tee_config_parse(const char *text, gsize len, GError **error);
void tee_config_free(TeeConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TeeConfig, tee_config_free)
