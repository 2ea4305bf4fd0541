#include "audit/chain.h"

#include "base/error.h"

#include <string.h>

static gboolean set_gap(GError **error, guint64 seq, const char *relation, guint64 before) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "line %" G_GUINT64_FORMAT " %s line %" G_GUINT64_FORMAT,
              seq, relation, before);
  return FALSE;
}

static gboolean follows(const AuditChain *chain, const AuditLine *line, GError **error) {
  static const guint8 nothing[SHA256_SIZE];
  if (chain->last == 0 && line->seq != 1)
    return TRUE;
  if (chain->last != 0 && line->seq != chain->last + 1)
    return set_gap(error, line->seq, "follows", chain->last);
  if (memcmp(line->prev, chain->last == 0 ? nothing : chain->head, SHA256_SIZE) == 0)
    return TRUE;
  return set_gap(error, line->seq, "was written after another", chain->last);
}

gboolean audit_chain_add(AuditChain *chain, const char *line, gsize len, const guint8 *public_key, GError **error) {
  AuditLine parsed;
  if (!audit_line_read(line, len, &parsed, error) || !follows(chain, &parsed, error) ||
      (public_key && !audit_line_check_signature(line, &parsed, public_key, error)))
    return FALSE;
  if (chain->last == 0)
    chain->first = parsed.seq;
  chain->last = parsed.seq;
  digest_sha256(line, len, chain->head);
  return TRUE;
}
