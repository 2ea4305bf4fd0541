/* Passes a client's question for an app's env-encryption key on to the KMS. The client checks the answer's signature: neither
 * this proxy nor its connection is trusted (spec: vmm 4.2 GetAppEnvEncryptPubKey). */
#pragma once

#include "vmm.pb-c.h"

#include <glib.h>

/* Error UNAVAILABLE "kms is not configured" for an empty URL; else as prpc_client_call(). */
gboolean kms_proxy_env_key(const char *kms_url, const ProtobufCBinaryData *app_id, Vmm__PublicKeyResponse *response,
                           GError **error);
