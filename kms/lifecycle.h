/* From whatever is in cert_dir to keys that can serve (spec: kms 2, 3). Runs before the main service. */
#pragma once

#include "kms/config.h"
#include "kms/keyholder_client.h"

#include "kms.pb-c.h"

#include <glib.h>

/* Makes and stores a new set of keys for `domain`. With `info` (an empty message) the keys are also bound to this KMS
 * by a quote, which is stored as bootstrap-info.json and put there. Error EXISTS when there are root keys already. */
gboolean lifecycle_bootstrap(const KmsConfig *config, KeyholderClient *keyholder, const char *domain,
                             Kms__BootstrapResponse *info, GError **error);

/* Stores new keys that the key holder has in memory, whatever they came from, with certificates for `domain`. `info` as
 * for lifecycle_bootstrap(). */
gboolean lifecycle_keep(const KmsConfig *config, KeyholderClient *keyholder, const char *domain,
                        const KeyholderPublicKeys *keys, Kms__BootstrapResponse *info, GError **error);

/* Report data of the quote that binds a KMS's public keys (spec: kms 4.4). */
void lifecycle_bootstrap_report_data(GBytes *root_spki, const guint8 k256_public[K256_PUBLIC_BYTES], guint8 out[64]);

/* What a start finds: keys are complete, or have to be made. Error when keys are missing and must not be made: some
 * root key is there already, or onboarding is off. */
typedef enum { LIFECYCLE_READY, LIFECYCLE_AUTO_BOOTSTRAP, LIFECYCLE_ONBOARD } LifecycleNeed;
gboolean lifecycle_decide(const KmsConfig *config, KeyholderClient *keyholder, LifecycleNeed *need, GError **error);

/* Loads the stored keys, issues the certificates that each start issues, and seals the key holder. `bootstrap_info`
 * gets the stored JSON text, or "". */
gboolean lifecycle_open(const KmsConfig *config, KeyholderClient *keyholder, KeyholderMaterial *material,
                        char **bootstrap_info, GError **error);
