/* Do lines of an audit log follow each other without a gap? */
#pragma once

#include "audit/line.h"

typedef struct {
  guint64 first, last;      /* seq of the lines seen; 0: none yet */
  guint8 head[SHA256_SIZE]; /* hash of the last one; zeros before line 1 */
} AuditChain;

/* Takes the next line. The first one given may be any line of a log: what came before it is then not checked.
 * `public_key` NULL: signatures are not checked. Errors: INVALID (no line), UNVERIFIED (not the next one, or not
 * signed); the chain then stays as it was. */
gboolean audit_chain_add(AuditChain *chain, const char *line, gsize len, const guint8 *public_key, GError **error);
