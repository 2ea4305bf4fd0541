/* The two helper programs beside the front: starting them, the channels to and between them, and dying together. */
#pragma once

#include "kms/config.h"

#include <glib.h>

typedef struct {
  int keyholder; /* the front's channel to the key holder; channels are closed by the end of the process alone */
  int *lanes;    /* one a worker, to the verifier */
  guint n_lanes;
} KmsHelpers;
void kms_helpers_free(KmsHelpers *helpers);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KmsHelpers, kms_helpers_free)

/* Starts both, with an environment that holds nothing but the log level. `config_path` may be NULL. Helpers are looked
 * for beside this program and in ../libexec/dstack. Must be called before any other thread exists. */
KmsHelpers *kms_helpers_start(const KmsConfig *config, const char *config_path, GError **error);
/* Starts dstack-kms-handover, for as long as the returned channel is open; -1 on error. Its orderly end is none of
 * kms_helpers_watch()'s. Call this before privileges are dropped. */
int kms_helpers_start_handover(const KmsConfig *config, GError **error);
/* From now on the end of a helper ends this process, with status 1. */
void kms_helpers_watch(void);
