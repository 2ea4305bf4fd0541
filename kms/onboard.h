/* The onboarding server: how an operator gives a KMS without keys its keys (spec: kms 2.1). Plain HTTP, no
 * authentication: it exists only until there are keys, and can't replace any. */
#pragma once

#include "kms/config.h"
#include "kms/keyholder_client.h"

#include <glib.h>

/* Serves until told to finish, or stopped. */
gboolean onboard_run(const KmsConfig *config, KeyholderClient *keyholder, GError **error);
