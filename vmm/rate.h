/* How often somebody may call: a bucket of tokens that fills with time. */
#pragma once

#include <glib.h>

typedef struct {
  guint per_second, burst;
} RateLimit;

/* Zero-filled is a full one. */
typedef struct {
  gint64 filled_at; /* microseconds of any one clock; 0: never used */
  gint64 tokens;    /* millionths */
} RateBucket;

/* Takes a token; FALSE when there is none. */
gboolean rate_take(RateBucket *bucket, const RateLimit *limit, gint64 now_us);
