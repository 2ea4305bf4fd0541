/* Decisions of a developer's environment, for work on a KMS without chain or lists (spec: contracts 7.4). */
#pragma once

#include "kms/auth/backend.h"
#include "kms/auth/environment.h"

/* Kept by reference. */
AuthBackend mock_backend(AuthEnvironment *environment);
