/* Root keys on their way from one key holder to another (spec: kms 6); their form is kms/sealed_keys.h. */
#pragma once

#include "kms/keyholder/keys.h"

#include <glib.h>

/* Whether the owner of the certificate key `spki` asks for keys under `recipient`. Error UNVERIFIED. */
gboolean handover_check_recipient(const guint8 spki[P256_SPKI_SIZE], const guint8 recipient[KMS_RECIPIENT_SIZE],
                                  GBytes *signature, GError **error);
GBytes *handover_seal(const RootKeys *keys, const guint8 recipient[KMS_RECIPIENT_SIZE], GError **error);
/* The root keys that another KMS sent, with a fresh rpc key of our own. Errors UNVERIFIED (not sealed for `secret`, or
 * altered), INVALID (no keys of the two curves). */
RootKeys *handover_open(const Secret *secret, GBytes *sealed, GError **error);
