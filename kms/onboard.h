/* The onboarding server: how an operator gives a KMS without keys its keys (spec: kms 2.1). Plain HTTP,
 * with core.onboard.token for the operator alone: it exists only until there are keys, and can't replace any. */
#pragma once

#include "kms/take_over.h"

#include <glib.h>

/* Serves until told to finish, or stopped. */
gboolean onboard_run(const KmsSetup *setup, GError **error);
