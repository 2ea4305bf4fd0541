#include "vmm/cid_pool.h"

#include "base/error.h"

struct CidPool {
  guint64 start, end;
  GHashTable *taken;
};

CidPool *cid_pool_new(guint32 start, guint32 size) {
  CidPool *pool = g_new0(CidPool, 1);
  pool->start = start;
  pool->end = (guint64)start + size;
  pool->taken = g_hash_table_new(g_direct_hash, g_direct_equal);
  return pool;
}

void cid_pool_free(CidPool *pool) {
  if (!pool)
    return;
  g_hash_table_unref(pool->taken);
  g_free(pool);
}

gboolean cid_pool_take(CidPool *pool, guint32 *cid, GError **error) {
  for (guint64 next = pool->start; next < pool->end; next++)
    if (cid_pool_reserve(pool, (guint32)next)) {
      *cid = (guint32)next;
      return TRUE;
    }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "cid pool exhausted");
  return FALSE;
}

gboolean cid_pool_reserve(CidPool *pool, guint32 cid) { return g_hash_table_add(pool->taken, GUINT_TO_POINTER(cid)); }

void cid_pool_release(CidPool *pool, guint32 cid) { g_hash_table_remove(pool->taken, GUINT_TO_POINTER(cid)); }
