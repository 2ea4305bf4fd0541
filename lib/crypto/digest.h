/* Message digests and key derivation. */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define SHA256_SIZE 32
#define SHA384_SIZE 48
#define SHA512_SIZE 64
#define KECCAK256_SIZE 32

void digest_sha256(const void *data, gsize len, guint8 out[SHA256_SIZE]);
void digest_sha384(const void *data, gsize len, guint8 out[SHA384_SIZE]);
void digest_sha512(const void *data, gsize len, guint8 out[SHA512_SIZE]);
/* Keccak with the original padding (0x01), as Ethereum uses it; not SHA3-256. */
void digest_keccak256(const void *data, gsize len, guint8 out[KECCAK256_SIZE]);

/* By the names of prpc: "sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512", "keccak256", "keccak384",
 * "keccak512". Writes at most 64 bytes to `out` and returns the length, or 0 for another name. */
gsize digest_by_name(const char *name, const void *data, gsize len, guint8 out[64]);

/* SHA-256 of a file's content, streamed. */
gboolean digest_sha256_file(const char *path, guint8 out[SHA256_SIZE], GError **error);

/* KDF of dstack: HKDF-SHA256 with salt "RATLS" and info = the context items one after another, without separators
 * (spec: kms 4.1). `out_len` bytes. */
typedef struct {
  const void *data;
  gsize len;
} KdfContext;
Secret *kdf_ratls(const Secret *ikm, const KdfContext *context, gsize n_context, gsize out_len);
