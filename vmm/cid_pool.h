/* Context ids of VMs on vsock: each belongs to one VM for its whole life in memory (spec: vmm 6.7). */
#pragma once

#include <glib.h>

typedef struct CidPool CidPool;

/* Hands out start, start + 1, ... below start + size. */
CidPool *cid_pool_new(guint32 start, guint32 size);
void cid_pool_free(CidPool *pool);

/* The lowest free one. Error UNAVAILABLE "cid pool exhausted". */
gboolean cid_pool_take(CidPool *pool, guint32 *cid, GError **error);
/* Takes a given one, which may lie outside of the range. FALSE when it is taken already. */
gboolean cid_pool_reserve(CidPool *pool, guint32 cid);
void cid_pool_release(CidPool *pool, guint32 cid);
