#include "heap_meter.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

gboolean heap_meter_works(void) { return FALSE; }
void heap_meter_start(void) {}
gsize heap_meter_peak(void) { return 0; }

#else

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>

/* glibc's own, under the names it exports for such a purpose. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *block);

static gssize in_use, peak; /* atomic */
static gssize start;

static void *count(void *block) {
  if (!block)
    return NULL;
  gssize now = __atomic_add_fetch(&in_use, (gssize)malloc_usable_size(block), __ATOMIC_RELAXED);
  for (gssize old = __atomic_load_n(&peak, __ATOMIC_RELAXED);
       now > old && !__atomic_compare_exchange_n(&peak, &old, now, FALSE, __ATOMIC_RELAXED, __ATOMIC_RELAXED);)
    ;
  return block;
}

static void discount(void *block) {
  if (block)
    __atomic_sub_fetch(&in_use, (gssize)malloc_usable_size(block), __ATOMIC_RELAXED);
}

void *malloc(size_t size) { return count(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return count(__libc_calloc(n, size)); }

void *realloc(void *block, size_t size) {
  gssize before = block ? (gssize)malloc_usable_size(block) : 0;
  void *moved = __libc_realloc(block, size);
  if (moved || size == 0)
    __atomic_sub_fetch(&in_use, before, __ATOMIC_RELAXED);
  return count(moved);
}

void free(void *block) {
  discount(block);
  __libc_free(block);
}

void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
  void *block = memalign(alignment, size);
  if (!block)
    return ENOMEM;
  *out = block;
  return 0;
}

gboolean heap_meter_works(void) { return TRUE; }

void heap_meter_start(void) {
  start = __atomic_load_n(&in_use, __ATOMIC_RELAXED);
  __atomic_store_n(&peak, start, __ATOMIC_RELAXED);
}

gsize heap_meter_peak(void) { return (gsize)(__atomic_load_n(&peak, __ATOMIC_RELAXED) - start); }

#endif
