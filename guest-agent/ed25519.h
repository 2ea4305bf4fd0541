/* Ed25519 (RFC 8032) with 32-byte seeds. */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define ED25519_PUBLIC_SIZE 32
#define ED25519_SIGNATURE_SIZE 64

gboolean ed25519_public(const Secret *seed, guint8 out[ED25519_PUBLIC_SIZE], GError **error);
gboolean ed25519_sign(const Secret *seed, const void *data, gsize len, guint8 out[ED25519_SIGNATURE_SIZE], GError **error);
/* Error INVALID when the key is not the encoding of a point or the signature is not 64 bytes. A wrong signature, one with an S
 * over the group's order too, gives *valid FALSE. */
gboolean ed25519_verify(const void *public_key, gsize key_len, const void *data, gsize len, const void *signature,
                        gsize signature_len, gboolean *valid, GError **error);
