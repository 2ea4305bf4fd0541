#include "vmm/rate.h"

#define ONE G_USEC_PER_SEC /* a token, in millionths */

gboolean rate_take(RateBucket *bucket, const RateLimit *limit, gint64 now_us) {
  gint64 full = (gint64)limit->burst * ONE, passed = MAX(now_us - bucket->filled_at, 0);
  gboolean fills = bucket->filled_at == 0 || passed > full / limit->per_second;
  bucket->tokens = fills ? full : MIN(full, bucket->tokens + passed * limit->per_second);
  bucket->filled_at = now_us;
  if (bucket->tokens < ONE)
    return FALSE;
  bucket->tokens -= ONE;
  return TRUE;
}
