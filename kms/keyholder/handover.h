/* Root keys on their way from one KMS to another (spec: kms 6). Sealed keys are
 * `label || temp_ca_key blob || root_ca_key blob || k256 (32)` in the envelope of crypto/envelope.h, blobs as in
 * kms/wire.h, keys as PKCS#8 PEM. */
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
/* The same for keys that came as they are; k256 is big-endian. */
RootKeys *handover_read(const Secret *temp_ca_pem, const Secret *root_ca_pem, const Secret *k256, GError **error);
