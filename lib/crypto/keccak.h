/* Keccak with the original padding, for any capacity of the Ethereum family. Inside lib/crypto only: use digest.h. */
#pragma once

#include <glib.h>

/* Writes `out_len` bytes: 32, 48 or 64. */
void keccak_digest(const void *data, gsize len, guint8 *out, gsize out_len);
