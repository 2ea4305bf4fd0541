#include "kms/verifier/evidence_cache.h"

#include "base/error.h"
#include "crypto/digest.h"
#include "crypto/x509.h"

#include <string.h>

#define MAX_ENTRIES 16
#define MAX_KEPT_LOG (256 * 1024) /* bytes; larger logs are verified each time */
#define KEEP_SECONDS 30

struct SharedEvidence {
  VerifiedEvidence *evidence;
  GBytes *public_key; /* SPKI */
};

typedef struct {
  guint8 digest[SHA256_SIZE];
  gint64 expires_us; /* monotonic; 0: free */
  SharedEvidence *shared;
} Entry;

struct EvidenceCache {
  GMutex lock;
  Entry entries[MAX_ENTRIES];
};

EvidenceCache *evidence_cache_new(void) {
  EvidenceCache *cache = g_new0(EvidenceCache, 1);
  g_mutex_init(&cache->lock);
  return cache;
}

static void shared_clear(gpointer data) {
  SharedEvidence *shared = data;
  verified_evidence_free(shared->evidence);
  g_clear_pointer(&shared->public_key, g_bytes_unref);
}

void evidence_unref(SharedEvidence *shared) {
  if (shared)
    g_atomic_rc_box_release_full(shared, shared_clear);
}

const VerifiedEvidence *evidence_peek(const SharedEvidence *shared) { return shared->evidence; }

static void entry_clear(Entry *entry) {
  g_clear_pointer(&entry->shared, evidence_unref);
  *entry = (Entry){0};
}

void evidence_cache_free(EvidenceCache *cache) {
  if (!cache)
    return;
  for (guint i = 0; i < MAX_ENTRIES; i++)
    entry_clear(&cache->entries[i]);
  g_mutex_clear(&cache->lock);
  g_free(cache);
}

static SharedEvidence *look_up(EvidenceCache *cache, const guint8 *digest) {
  SharedEvidence *found = NULL;
  gint64 now = g_get_monotonic_time();
  g_mutex_lock(&cache->lock);
  for (guint i = 0; i < MAX_ENTRIES; i++) {
    Entry *entry = &cache->entries[i];
    if (entry->shared && entry->expires_us <= now)
      entry_clear(entry);
    else if (entry->shared && memcmp(entry->digest, digest, SHA256_SIZE) == 0)
      found = g_atomic_rc_box_acquire(entry->shared);
  }
  g_mutex_unlock(&cache->lock);
  return found;
}

static void keep(EvidenceCache *cache, const guint8 *digest, SharedEvidence *shared) {
  if (strlen(shared->evidence->log_json) > MAX_KEPT_LOG)
    return;
  g_mutex_lock(&cache->lock);
  Entry *oldest = &cache->entries[0];
  for (guint i = 1; i < MAX_ENTRIES; i++)
    if (cache->entries[i].expires_us < oldest->expires_us)
      oldest = &cache->entries[i];
  entry_clear(oldest);
  memcpy(oldest->digest, digest, SHA256_SIZE);
  oldest->expires_us = g_get_monotonic_time() + KEEP_SECONDS * G_USEC_PER_SEC;
  oldest->shared = g_atomic_rc_box_acquire(shared);
  g_mutex_unlock(&cache->lock);
}

/* The extension proves nothing and is used for nothing; but one that says something else than the log is a lie. */
static gboolean check_app_id(X509 *certificate, const VerifiedEvidence *evidence, GError **error) {
  g_autoptr(GBytes) claimed = NULL;
  if (!ratls_cert_app_id(certificate, &claimed, error))
    return FALSE;
  if (!claimed || g_bytes_equal(claimed, evidence->app_info->app_id))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "app id of the certificate differs from that of the event log");
  return FALSE;
}

/* *out stays NULL when there is no evidence. */
static gboolean verify(RatlsVerifier *verifier, const void *der, gsize len, SharedEvidence **out, GError **error) {
  g_autoptr(X509) parsed = cert_from_der(der, len, error);
  g_autoptr(VerifiedEvidence) evidence = NULL;
  if (!parsed || !ratls_verify_certificate(verifier, parsed, &evidence, error) ||
      (evidence && !check_app_id(parsed, evidence, error))) {
    g_prefix_error(error, "invalid quote: ");
    return FALSE;
  }
  if (!evidence)
    return TRUE;
  *out = g_atomic_rc_box_new0(SharedEvidence);
  **out = (SharedEvidence){g_steal_pointer(&evidence), cert_spki(parsed)};
  return TRUE;
}

gboolean evidence_cache_verify(EvidenceCache *cache, RatlsVerifier *verifier, GBytes *certificate, SharedEvidence **out,
                               GError **error) {
  gsize len;
  const void *der = g_bytes_get_data(certificate, &len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(der, len, digest);
  if ((*out = look_up(cache, digest)))
    return TRUE;
  if (!verify(verifier, der, len, out, error))
    return FALSE;
  if (*out)
    keep(cache, digest, *out);
  return TRUE;
}

GBytes *evidence_cache_public_key(EvidenceCache *cache, GBytes *certificate) {
  gsize len;
  const void *der = g_bytes_get_data(certificate, &len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(der, len, digest);
  g_autoptr(SharedEvidence) known = look_up(cache, digest);
  if (known)
    return g_bytes_ref(known->public_key);
  g_autoptr(X509) parsed = len > 0 ? cert_from_der(der, len, NULL) : NULL;
  return parsed ? cert_spki(parsed) : NULL;
}
