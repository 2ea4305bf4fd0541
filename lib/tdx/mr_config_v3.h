/* The document behind an MRCONFIGID of version 3 (spec: attestation C.9, guest-os 6.1). */
#pragma once

#include "tdx/mr_config.h"

#include <glib.h>

#define MR_CONFIG_MAX_DOCUMENT (64 * 1024)
#define MR_CONFIG_MAX_INIT_SCRIPTS 5

typedef struct {
  GBytes *app_id;          /* 20 bytes; NULL: not said, as the others but compose_hash */
  GBytes *compose_hash;    /* 32 */
  GBytes *gpu_policy_hash; /* 32 */
  GBytes *instance_id;     /* 20 */
  KeyProviderKind key_provider;
  GBytes *key_provider_id;
  GPtrArray *init_script_hashes; /* GBytes* of 32 bytes; NULL: not said */
} MrConfigV3;
void mr_config_v3_free(MrConfigV3 *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(MrConfigV3, mr_config_v3_free)

/* Errors INVALID: an unknown key, a value of another shape or size, no compose hash or key provider, another version.
 * TOO_LARGE. */
MrConfigV3 *mr_config_v3_parse(const char *document, gsize len, GError **error);
/* The canonical text (RFC 8785). */
char *mr_config_v3_print(const MrConfigV3 *config);
/* 03 || sha256("dstack-mr-config-v3:" || 00 || document) || zeros: of the exact bytes, whatever they say. */
void mr_config_id_v3(const char *document, gsize len, guint8 out[48]);
/* Checks a quoted value against the document, and every field that it has against local facts. Errors UNVERIFIED
 * "invalid mr_config_id", and those of parsing. */
gboolean mr_config_id_check_v3(const guint8 quoted[48], const char *document, gsize len, const MrConfigV3 *facts,
                               GError **error);
