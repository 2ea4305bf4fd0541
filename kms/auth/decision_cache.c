#include "kms/auth/decision_cache.h"

#define MAX_ENTRIES 4096

typedef struct {
  AuthDecision decision;
  gint64 expires; /* monotonic, microseconds */
} Entry;

struct DecisionCache {
  GMutex lock;
  gint64 lifetime;     /* microseconds */
  GHashTable *entries; /* GBytes * to Entry * */
};

static void entry_free(gpointer data) {
  Entry *entry = data;
  auth_decision_clear(&entry->decision);
  g_free(entry);
}

static void copy_decision(const AuthDecision *from, AuthDecision *to) {
  *to = (AuthDecision){from->allowed, g_strdup(from->reason), g_strdup(from->gateway_app_id), from->has_block,
                       from->block};
}

DecisionCache *decision_cache_new(guint64 lifetime_seconds) {
  DecisionCache *cache = g_new0(DecisionCache, 1);
  g_mutex_init(&cache->lock);
  cache->lifetime = (gint64)lifetime_seconds * G_USEC_PER_SEC;
  cache->entries = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, entry_free);
  return cache;
}

void decision_cache_free(DecisionCache *cache) {
  if (!cache)
    return;
  g_hash_table_unref(cache->entries);
  g_mutex_clear(&cache->lock);
  g_free(cache);
}

gboolean decision_cache_get(DecisionCache *cache, GBytes *question, AuthDecision *out) {
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);
  const Entry *entry = g_hash_table_lookup(cache->entries, question);
  if (!entry || entry->expires <= g_get_monotonic_time())
    return FALSE;
  copy_decision(&entry->decision, out);
  return TRUE;
}

void decision_cache_put(DecisionCache *cache, GBytes *question, const AuthDecision *decision) {
  if (cache->lifetime == 0)
    return;
  Entry *entry = g_new0(Entry, 1);
  copy_decision(decision, &entry->decision);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&cache->lock);
  entry->expires = g_get_monotonic_time() + cache->lifetime;
  /* Asking for what was forgotten costs a round trip, no more. */
  if (g_hash_table_size(cache->entries) >= MAX_ENTRIES)
    g_hash_table_remove_all(cache->entries);
  g_hash_table_replace(cache->entries, g_bytes_ref(question), entry);
}
