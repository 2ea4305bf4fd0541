/* Which KMS root keys a person trusts to sign env-encryption keys (spec: supervisor-and-cli C.4). */
#pragma once

#include "crypto/k256.h"

#include <glib.h>

/* Compressed secp256k1 public keys, 33 bytes each. */
typedef GArray TrustedSigners;

/* `path` NULL means ~/.dstack-vmm/kms-whitelist.json. A missing file is an empty list, a corrupt one an error. */
TrustedSigners *trust_load(const char *path, GError **error);
gboolean trust_save(const char *path, const TrustedSigners *signers, GError **error);
/* 66 hex digits after at most one "0x". Error INVALID. */
gboolean trust_parse_signer(const char *text, guint8 out[K256_PUBLIC_SIZE], GError **error);
gboolean trust_contains(const TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]);
/* FALSE when it is there already, or is not there. */
gboolean trust_add(TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]);
gboolean trust_remove(TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]);
