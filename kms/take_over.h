/* Onboard.Onboard: the root keys of another KMS become this one's too (spec: kms 6). */
#pragma once

#include "kms/config.h"
#include "kms/keyholder_client.h"
#include "kms/verifier_client.h"

#include <glib.h>

/* What a KMS without keys works with. */
typedef struct {
  const KmsConfig *config;
  KeyholderClient *keyholder;
  VerifierClient *verifier;
  int handover; /* channel to dstack-kms-handover */
} KmsSetup;

/* Fetches the keys of the KMS at `source_url`, checks and stores them with certificates for `domain`. The source must
 * prove what it is and be allowed by this KMS's own webhook before it is asked. Errors: EXISTS when there are root keys
 * already; UNVERIFIED when keys are not those of the source's CA, or not those that the configuration expects. */
gboolean take_over(const KmsSetup *setup, const char *source_url, const char *domain,
                   guint8 k256_public[K256_PUBLIC_BYTES], GError **error);

/* "https://..." without final slashes and with "/prpc" at its end. Error INVALID for any other scheme. */
char *take_over_source_url(const char *url, GError **error);
