#include "td_hob.h"

#include "bytes.h"

#include "base/error.h"
#include "base/reader.h"

enum { PAGE_SHIFT = 12, RESOURCE_ACCEPTED = 0, RESOURCE_UNACCEPTED = 7, VARINT_BITS = 63 };
#define HOLE_START 0x80000000u
#define HOLE_FROM 0xb0000000u /* with this much memory there is a hole below 4 GiB */
#define MAX_PAGES (G_GUINT64_CONSTANT(1) << 40)

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "td hob: %s", why);
  return FALSE;
}

typedef struct {
  gboolean accepted;
  guint64 start, end;
} Range;

static gint by_start(gconstpointer a, gconstpointer b) {
  const Range *x = a, *y = b;
  return x->start == y->start ? 0 : x->start < y->start ? -1 : 1;
}

static void append_range(GArray *ranges, gboolean accepted, guint64 start, guint64 end) {
  if (start < end)
    g_array_append_val(ranges, ((Range){accepted, start, end}));
}

/* Cuts [start, end) out of the unaccepted memory and adds it as accepted. */
static GArray *accept_range(GArray *ranges, guint64 start, guint64 end) {
  GArray *next = g_array_new(FALSE, FALSE, sizeof(Range));
  for (guint i = 0; i < ranges->len; i++) {
    Range range = g_array_index(ranges, Range, i);
    if (range.accepted || range.end <= start || range.start >= end) {
      g_array_append_val(next, range);
      continue;
    }
    append_range(next, FALSE, range.start, MIN(range.end, start));
    append_range(next, FALSE, MAX(range.start, end), range.end);
  }
  append_range(next, TRUE, start, end);
  g_array_sort(next, by_start); /* stable */
  g_array_unref(ranges);
  return next;
}

static void put_resource(GByteArray *out, gboolean accepted, guint64 start, guint64 len) {
  put_u16(out, 3), put_u16(out, 48), put_u32(out, 0);
  put_zeros(out, 16);
  put_u32(out, accepted ? RESOURCE_ACCEPTED : RESOURCE_UNACCEPTED), put_u32(out, 7);
  put_u64(out, start), put_u64(out, len);
}

/* Memory over the hole goes above 4 GiB. */
static void put_last_range(GByteArray *out, const Range *last, guint64 memory_size) {
  if (memory_size < HOLE_FROM) {
    put_resource(out, FALSE, last->start, last->end - last->start);
    return;
  }
  if (last->start < HOLE_START)
    put_resource(out, FALSE, last->start, HOLE_START - last->start);
  if (last->end > HOLE_START)
    put_resource(out, FALSE, G_GUINT64_CONSTANT(1) << 32, last->end - HOLE_START);
}

GByteArray *td_hob_build(const TdHobLayout *layout, guint64 memory_size) {
  GArray *ranges = g_array_new(FALSE, FALSE, sizeof(Range));
  append_range(ranges, FALSE, 0, memory_size);
  for (guint i = 0; i < layout->n_ranges; i++)
    if (layout->ranges[i].start < layout->ranges[i].end)
      ranges = accept_range(ranges, layout->ranges[i].start, layout->ranges[i].end);
  GByteArray *out = g_byte_array_new();
  put_u16(out, 1), put_u16(out, 56), put_u32(out, 0), put_u32(out, 9), put_u32(out, 0);
  put_zeros(out, 4 * 8 + 8);
  for (guint i = 0; i + 1 < ranges->len; i++) {
    const Range *range = &g_array_index(ranges, Range, i);
    put_resource(out, range->accepted, range->start, range->end - range->start);
  }
  if (ranges->len > 0)
    put_last_range(out, &g_array_index(ranges, Range, ranges->len - 1), memory_size);
  set_le(out, 48, layout->base + out->len + 8, 8); /* behind the end-of-list block, which is not measured */
  g_array_unref(ranges);
  return out;
}

/* Unsigned LEB128. */
static void put_varint(GByteArray *out, guint64 value) {
  for (; value >= 0x80; value >>= 7)
    put_u8(out, (guint)(value & 0x7f) | 0x80);
  put_u8(out, (guint)value);
}

static guint64 take_varint(Reader *reader) {
  guint64 value = 0;
  for (guint shift = 0; shift < VARINT_BITS; shift += 7) {
    guint8 byte = reader_u8(reader);
    value |= (guint64)(byte & 0x7f) << shift;
    if (!(byte & 0x80))
      return value;
  }
  reader_fail(reader);
  return 0;
}

static gboolean is_page(guint64 address) { return (address & ((1u << PAGE_SHIFT) - 1)) == 0; }

static gint range_by_start(gconstpointer a, gconstpointer b) {
  const TdHobRange *x = a, *y = b;
  return x->start == y->start ? 0 : x->start < y->start ? -1 : 1;
}

static GArray *sorted_ranges(const TdHobLayout *layout, GError **error) {
  g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(TdHobRange));
  for (guint i = 0; i < layout->n_ranges; i++)
    g_array_append_val(sorted, layout->ranges[i]);
  g_array_sort(sorted, range_by_start);
  guint64 end = 0;
  for (guint i = 0; i < sorted->len; i++) {
    const TdHobRange *range = &g_array_index(sorted, TdHobRange, i);
    if (range->start < end || range->start >= range->end || !is_page(range->start) || !is_page(range->end) ||
        range->end >> PAGE_SHIFT > MAX_PAGES) {
      invalid(error, "ranges overlap, are empty, too large or no whole pages");
      return NULL;
    }
    end = range->end;
  }
  return g_steal_pointer(&sorted);
}

GByteArray *td_hob_witness(const TdHobLayout *layout, GError **error) {
  g_autoptr(GArray) sorted = sorted_ranges(layout, error);
  if (!sorted)
    return NULL;
  guint64 base = sorted->len > 0 ? g_array_index(sorted, TdHobRange, 0).start : 0;
  if (sorted->len == 0 || layout->base < base || !is_page(layout->base) || layout->base >> PAGE_SHIFT > MAX_PAGES) {
    invalid(error, "the list lies in no range");
    return NULL;
  }
  GByteArray *out = g_byte_array_new();
  put_varint(out, base >> PAGE_SHIFT);
  put_varint(out, (layout->base - base) >> PAGE_SHIFT);
  put_varint(out, sorted->len);
  for (guint i = 0; i < sorted->len; i++) {
    const TdHobRange *range = &g_array_index(sorted, TdHobRange, i);
    put_varint(out, (range->start - base) >> PAGE_SHIFT);
    put_varint(out, (range->end - range->start) >> PAGE_SHIFT);
  }
  return out;
}

static gboolean take_ranges(Reader *reader, guint64 base, TdHobLayout *out, GError **error) {
  guint64 end = 0;
  for (guint i = 0; i < out->n_ranges; i++) {
    guint64 start = take_varint(reader), pages = take_varint(reader);
    if (!reader_ok(reader) || start > MAX_PAGES || pages == 0 || pages > MAX_PAGES || base + start < end ||
        base + start + pages > MAX_PAGES)
      return invalid(error, "witness has ranges that overlap, are empty or are too large");
    end = base + start + pages;
    out->ranges[i] = (TdHobRange){(base + start) << PAGE_SHIFT, end << PAGE_SHIFT};
  }
  return TRUE;
}

gboolean td_hob_read_witness(const void *data, gsize len, TdHobLayout *out, GError **error) {
  Reader reader = reader_init(data, len);
  guint64 base = take_varint(&reader), list = take_varint(&reader), n = take_varint(&reader);
  if (!reader_ok(&reader) || base > MAX_PAGES || list > MAX_PAGES - base || n == 0 || n > TD_HOB_MAX_RANGES)
    return invalid(error, "witness is malformed");
  *out = (TdHobLayout){.base = (base + list) << PAGE_SHIFT, .n_ranges = (guint)n};
  return take_ranges(&reader, base, out, error) && reader_finish(&reader, "td hob: witness", error);
}
