/* One line of an audit log: a JSON object without white space,
 *
 *   {"seq":N,"time":"2026-01-31T23:59:59.123456Z","prev":"<64 hex>",MEMBERS,"sig":"<130 hex>"}
 *
 * `prev` is the SHA-256 of the line before, without its newline, and zeros in line 1. `sig` is a recoverable secp256k1
 * signature (crypto/k256.h) over the Keccak-256 of
 *
 *   "dstack-kms-audit-v1:" || SHA-256(the line up to, without, the comma before "sig")
 *
 * Whoever has the line before and the public key can check a line; docs/kms.md tells what that proves. */
#pragma once

#include "base/json.h"
#include "base/secret.h"
#include "crypto/digest.h"
#include "crypto/k256.h"

#include <glib.h>

#define AUDIT_MAX_LINE (16 * 1024) /* bytes, without the newline */

typedef struct {
  guint64 seq; /* from 1 */
  guint8 prev[SHA256_SIZE];
  guint8 signature[K256_SIGNATURE_SIZE];
  gsize signed_len; /* how much of the line is signed */
} AuditLine;

/* Writes a line, without its newline. `members` is an object of at least one member, none of them seq, time, prev or
 * sig; `time_us` is Unix time in microseconds. Error TOO_LARGE when the line would be over AUDIT_MAX_LINE. */
char *audit_line_write(guint64 seq, gint64 time_us, const guint8 prev[SHA256_SIZE], const json_t *members,
                       const Secret *key, GError **error);

/* Reads the frame strictly; the members in it are not looked at. Error INVALID. */
gboolean audit_line_read(const char *line, gsize len, AuditLine *out, GError **error);
/* Error UNVERIFIED when another key, or none, signed the line that `parsed` was read from. */
gboolean audit_line_check_signature(const char *line, const AuditLine *parsed,
                                    const guint8 public_key[K256_PUBLIC_SIZE], GError **error);
