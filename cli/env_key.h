/* The key an app's environment is encrypted to, and who vouches for it (spec: supervisor-and-cli C). */
#pragma once

#include "cli/trust.h"

#include "vmm.pb-c.h"

#include <glib.h>

#define ENV_KEY_SIZE 32
#define ENV_KEY_MAX_AGE_S 300

/* Checks what the KMS answered and copies the key. A dated signature, where there is one, is the only one that counts: it must
 * be at most 300 s away from `now`. `signer` gets the key that signed, `dated` whether the signature says when: an undated one protects against no replay of
 * an older key. Errors: UNVERIFIED (unsigned, bad, out of date, or signed
 * by nobody in `trusted`, whose message says how to trust that signer), INVALID. */
gboolean env_key_verify(const Vmm__PublicKeyResponse *answer, const guint8 app_id[20], const TrustedSigners *trusted, gint64 now,
                        guint8 key[ENV_KEY_SIZE], guint8 signer[K256_PUBLIC_SIZE], gboolean *dated, GError **error);
