/* The KMS as one who is judged: evidence about itself, and whether its own webhook allows it (spec: kms 5.1, 8.1). */
#pragma once

#include "kms/config.h"
#include "kms/verifier_client.h"

#include <glib.h>

/* Shows the verifier this CVM's evidence; the facts in it are those that a webhook is asked about. */
gboolean self_present(VerifierClient *verifier, SelfFacts *facts, GError **error);

/* Whether answers depend on the webhook's word about this KMS: core.enforce_self_authorization, and a webhook. */
gboolean self_authorization_enforced(const KmsConfig *config);
/* With self-authorization: presents this KMS and asks the webhook. Error when there is no evidence, or DENIED. */
gboolean self_require_allowed(const KmsConfig *config, VerifierClient *verifier, GError **error);
