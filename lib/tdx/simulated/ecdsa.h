/* Deterministic ECDSA (RFC 6979) on P-256 with SHA-256.
 *
 * Host and guest make the same root certificate from the same seed, and a verifier compares a pinned root byte for
 * byte: so its signature must be the same too. Not hardened against side channels: it signs with keys that everybody
 * may know. */
#pragma once

#include "crypto/p256.h"

#include <glib.h>

/* Raw form: r || s, each 32 bytes big-endian. */
void simulated_sign_raw(EVP_PKEY *key, const void *data, gsize len, guint8 signature[64]);
/* The same signature as ASN.1 DER. */
GBytes *simulated_sign(EVP_PKEY *key, const void *data, gsize len);
