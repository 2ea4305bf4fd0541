#include "guest-agent/app_key_cache.h"

#include <string.h>

#define MAX_ENTRIES 64
#define MAX_NAME 512 /* path and purpose; longer ones are not kept */

typedef struct {
  char *name; /* algorithm, purpose and path with their lengths: two requests never share a name */
  AppKey *key;
  GList link; /* in `order` */
} Entry;

struct AppKeyCache {
  const AppKeys *keys;
  GMutex lock;
  GHashTable *entries; /* name -> Entry */
  GQueue order;        /* used last first */
};

static void entry_free(gpointer data) {
  Entry *entry = data;
  app_key_free(entry->key);
  g_free(entry->name);
  g_free(entry);
}

AppKeyCache *app_key_cache_new(const AppKeys *keys) {
  AppKeyCache *cache = g_new0(AppKeyCache, 1);
  cache->keys = keys;
  g_mutex_init(&cache->lock);
  cache->entries = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, entry_free);
  return cache;
}

void app_key_cache_free(AppKeyCache *cache) {
  if (!cache)
    return;
  g_hash_table_unref(cache->entries);
  g_mutex_clear(&cache->lock);
  g_free(cache);
}

static AppKey *look_up(AppKeyCache *cache, const char *name) {
  g_mutex_lock(&cache->lock);
  Entry *entry = g_hash_table_lookup(cache->entries, name);
  AppKey *key = entry ? app_key_ref(entry->key) : NULL;
  if (entry) {
    g_queue_unlink(&cache->order, &entry->link);
    g_queue_push_head_link(&cache->order, &entry->link);
  }
  g_mutex_unlock(&cache->lock);
  return key;
}

/* Another thread may have been quicker with the same key: then that one stays. */
static void keep(AppKeyCache *cache, const char *name, AppKey *key) {
  g_mutex_lock(&cache->lock);
  if (!g_hash_table_contains(cache->entries, name)) {
    if (cache->order.length == MAX_ENTRIES) {
      GList *oldest = g_queue_pop_tail_link(&cache->order);
      g_hash_table_remove(cache->entries, ((Entry *)oldest->data)->name);
    }
    Entry *entry = g_new0(Entry, 1);
    entry->name = g_strdup(name);
    entry->key = app_key_ref(key);
    entry->link.data = entry;
    g_queue_push_head_link(&cache->order, &entry->link);
    g_hash_table_insert(cache->entries, entry->name, entry);
  }
  g_mutex_unlock(&cache->lock);
}

AppKey *app_key_cache_get(AppKeyCache *cache, const char *path, const char *purpose, const char *algorithm,
                          GError **error) {
  AppKeyAlgorithm parsed;
  if (!app_key_algorithm(algorithm, &parsed, error))
    return NULL;
  gsize path_len = strlen(path), purpose_len = strlen(purpose);
  if (path_len + purpose_len > MAX_NAME)
    return app_key_derive(cache->keys, path, purpose, parsed, error);
  g_autofree char *name = g_strdup_printf("%d:%zu:%s:%s", (int)parsed, purpose_len, purpose, path);
  AppKey *key = look_up(cache, name);
  if (key)
    return key;
  key = app_key_derive(cache->keys, path, purpose, parsed, error);
  if (key)
    keep(cache, name, key);
  return key;
}
