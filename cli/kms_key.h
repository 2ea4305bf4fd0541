/* Gets the key an app's environment is encrypted to, from a KMS itself or through the VMM (spec: supervisor-and-cli C.2). Neither
 * way is trusted: the key counts because of who signed it. */
#pragma once

#include "cli/deploy_options.h"
#include "cli/env_key.h"

#include <glib.h>

/* Asks the KMS the options name, else the VMM; `app_id` is its hex. Warns on standard error of a key that is signed without a
 * date. Errors as env_key_verify() and of the connection. */
gboolean kms_key_fetch(const DeployOptions *options, const char *app_id, guint8 key[ENV_KEY_SIZE], GError **error);
