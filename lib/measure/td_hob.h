/* The hand-off block list that tells firmware which memory it has (spec: measurement 4.1), and the short witness from
 * which it can be rebuilt without the firmware file (10.1). */
#pragma once

#include <glib.h>

#define TD_HOB_MAX_RANGES 64

typedef struct {
  guint64 start, end; /* guest addresses of memory that is accepted before firmware runs */
} TdHobRange;

typedef struct {
  guint64 base; /* where the list itself lies */
  guint n_ranges;
  TdHobRange ranges[TD_HOB_MAX_RANGES]; /* in the firmware's order */
} TdHobLayout;

/* The measured bytes for a VM of that much memory. */
GByteArray *td_hob_build(const TdHobLayout *layout, guint64 memory_size);

/* Error INVALID: no range, overlapping ranges, or one that is no whole pages. */
GByteArray *td_hob_witness(const TdHobLayout *layout, GError **error);
/* Error INVALID: truncated, trailing bytes, numbers out of bounds, ranges that overlap or are empty. */
gboolean td_hob_read_witness(const void *data, gsize len, TdHobLayout *out, GError **error);
