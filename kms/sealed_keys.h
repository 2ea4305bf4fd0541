/* The form in which root keys go to a key holder (spec: kms 6). The envelope of crypto/envelope.h with
 * `label || temp_ca_key blob || root_ca_key blob || k256 (32)` inside: blobs as in kms/wire.h, keys as PKCS#8 PEM. */
#pragma once

#include "kms/protocol.h"

#include "base/secret.h"

#include <glib.h>

typedef struct {
  Secret *temp_ca, *root_ca; /* PEM */
  Secret *k256;              /* 32 bytes */
} SealedKeys;
void sealed_keys_clear(SealedKeys *keys);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SealedKeys, sealed_keys_clear)

/* Error UNVERIFIED for a recipient of small order. */
GBytes *sealed_keys_seal(const SealedKeys *keys, const guint8 recipient[KMS_RECIPIENT_SIZE], GError **error);
/* Errors UNVERIFIED (not for `secret`, or altered), INVALID. What is inside is not looked at. */
gboolean sealed_keys_open(const Secret *secret, GBytes *sealed, SealedKeys *out, GError **error);

#define KMS_RECIPIENT_STATEMENT_SIZE (sizeof KMS_RECIPIENT_LABEL - 1 + KMS_RECIPIENT_SIZE)
/* What the key of a client certificate signs to name the recipient. */
void sealed_keys_statement(const guint8 recipient[KMS_RECIPIENT_SIZE], guint8 out[KMS_RECIPIENT_STATEMENT_SIZE]);
