/* Configuration of the verifier service (spec: attestation E.1). */
#pragma once

#include <glib.h>

typedef struct {
  char *listen;             /* "IP:PORT" */
  char *image_cache_dir;    /* images are kept in images/<os_image_hash>/ below it */
  char *image_download_url; /* NULL: nothing is downloaded */
  guint64 image_download_timeout_ms;
  char *pccs_url; /* NULL: Intel's */
  gboolean allow_external_root;
  char *root_ca_tdx;          /* NULL: Intel's; PEM file */
  char *collateral_file;      /* NULL: fetched from pccs_url */
  char *collateral_cache_dir; /* for what the service said */
  gboolean insecure_pccs_tls;
} VerifierConfig;

/* Defaults, then `path` (NULL: dstack-verifier.toml, which may be missing), then the environment: DSTACK_VERIFIER_<KEY>
 * in upper case, with "__" between the parts of a nested key. */
VerifierConfig *verifier_config_load(const char *path, GError **error);
void verifier_config_free(VerifierConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VerifierConfig, verifier_config_free)
