/* What the webhook's programs share: options, settings, errors at start. */
#pragma once

#include "kms/auth/environment.h"
#include "kms/auth/service.h"

/* Serves to the end and returns the exit status, or sets *error. */
typedef int (*AuthServe)(AuthEnvironment *environment, GError **error);
/* `name` and `about` are kept by reference. */
int auth_program(int argc, char **argv, const char *name, const char *about, AuthServe serve);
