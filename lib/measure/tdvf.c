#include "tdvf.h"

#include "aml.h"
#include "bytes.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <string.h>

enum {
  PAGE = 4096,
  CHUNK = 256,
  RECORD = 128,
  FOOTER_FROM_END = 48,
  GUID_SIZE = 16,
  ENTRY_MIN = 18,
  DEFAULT_HOB = 0x809000
};

/* Far above what firmware asks for; it bounds the work a hostile file can cause. */
#define MAX_SECTION_SIZE (G_GUINT64_CONSTANT(256) << 20)

static const char footer_guid[] = "96b582de-1fb2-45f7-baea-a366c55a082d";
static const char tdx_guid[] = "e47a6535-984a-4798-865e-4685a7bf8ec2";

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "firmware: %s", why);
  return FALSE;
}

static guint read_u16(const guint8 *at) { return at[0] | at[1] << 8; }
static guint32 read_u32(const guint8 *at) { return read_u16(at) | (guint32)read_u16(at + 2) << 16; }

static gboolean guid_is(const guint8 *at, const char *text) {
  guint8 guid[GUID_SIZE];
  guid_parse(text, guid);
  return memcmp(at, guid, GUID_SIZE) == 0;
}

/* Walks the GUID table backwards from the file's end to the entry that tells where the descriptor is. */
static gboolean find_descriptor(const guint8 *data, gsize size, gsize *offset, GError **error) {
  if (size < FOOTER_FROM_END + 2 || !guid_is(data + size - FOOTER_FROM_END, footer_guid))
    return invalid(error, "no guid table");
  gsize table_end = size - FOOTER_FROM_END - 2;
  guint table_len = read_u16(data + table_end);
  if (table_len < ENTRY_MIN || table_len - ENTRY_MIN > table_end)
    return invalid(error, "guid table has a wrong length");
  gsize left = table_len - ENTRY_MIN;
  for (const guint8 *end = data + table_end; left >= ENTRY_MIN;) {
    guint len = read_u16(end - ENTRY_MIN);
    if (len < ENTRY_MIN || len > left)
      return invalid(error, "guid table entry has a wrong length");
    if (guid_is(end - GUID_SIZE, tdx_guid)) {
      guint32 from_end = len >= ENTRY_MIN + 4 ? read_u32(end - ENTRY_MIN - 4) : 0;
      if (from_end == 0 || from_end > size)
        return invalid(error, "tdx metadata lies outside of the file");
      *offset = size - from_end;
      return TRUE;
    }
    end -= len;
    left -= len;
  }
  return invalid(error, "no tdx metadata (is this firmware built for tdx?)");
}

static gboolean check_section(const TdvfSection *section, gsize file_size, GError **error) {
  guint64 end;
  if (section->address % PAGE || section->size % PAGE || section->size < section->raw_size ||
      section->size > MAX_SECTION_SIZE || !g_uint64_checked_add(&end, section->address, section->size))
    return invalid(error, "tdx section has a wrong address or size");
  if (section->data_offset > file_size || section->raw_size > file_size - section->data_offset ||
      (section->extend && section->size > file_size - section->data_offset))
    return invalid(error, "tdx section lies outside of the file");
  return TRUE;
}

static gboolean read_sections(Tdvf *tdvf, Reader reader, gsize file_size, GError **error) {
  const guint8 *magic = reader_take(&reader, 4);
  reader_skip(&reader, 4); /* length: the section count says it too */
  guint32 version = reader_u32le(&reader);
  guint32 n = reader_u32le(&reader);
  if (!magic || memcmp(magic, "TDVF", 4) != 0 || version != 1 || n == 0 || n > TDVF_MAX_SECTIONS)
    return invalid(error, "unsupported tdx metadata");
  for (guint i = 0; i < n; i++) {
    TdvfSection *section = &tdvf->sections[i];
    section->data_offset = reader_u32le(&reader);
    section->raw_size = reader_u32le(&reader);
    section->address = reader_u64le(&reader);
    section->size = reader_u64le(&reader);
    guint32 type = reader_u32le(&reader);
    guint32 attributes = reader_u32le(&reader);
    section->type = (TdvfType)type;
    section->extend = attributes & 1;
    section->page_aug = (attributes & 2) != 0;
    if (!reader_check(&reader, "firmware: tdx metadata", error) || !check_section(section, file_size, error))
      return FALSE;
  }
  tdvf->n_sections = n;
  return TRUE;
}

Tdvf *tdvf_parse(GBytes *firmware, GError **error) {
  gsize size, offset;
  const guint8 *data = g_bytes_get_data(firmware, &size);
  if (!find_descriptor(data, size, &offset, error))
    return NULL;
  g_autoptr(Tdvf) tdvf = g_new0(Tdvf, 1);
  tdvf->firmware = g_bytes_ref(firmware);
  if (!read_sections(tdvf, reader_init(data + offset, size - offset), size, error))
    return NULL;
  return g_steal_pointer(&tdvf);
}

void tdvf_free(Tdvf *tdvf) {
  if (!tdvf)
    return;
  g_bytes_unref(tdvf->firmware);
  g_free(tdvf);
}

static void add_record(EVP_MD_CTX *digest, const char *kind, guint64 address) {
  guint8 record[RECORD] = {0};
  memcpy(record, kind, strlen(kind));
  for (guint i = 0; i < 8; i++)
    record[16 + i] = (guint8)(address >> (8 * i));
  EVP_DigestUpdate(digest, record, sizeof record);
}

static void extend_page(EVP_MD_CTX *digest, guint64 address, const guint8 *content) {
  for (guint at = 0; at < PAGE; at += CHUNK) {
    add_record(digest, "MR.EXTEND", address + at);
    EVP_DigestUpdate(digest, content + at, CHUNK);
  }
}

static void measure_section(EVP_MD_CTX *digest, const TdvfSection *section, const guint8 *file, gboolean add,
                            gboolean extend) {
  for (guint64 at = 0; at < section->size; at += PAGE) {
    if (add && !section->page_aug)
      add_record(digest, "MEM.PAGE.ADD", section->address + at);
    if (extend && section->extend)
      extend_page(digest, section->address + at, file + section->data_offset + at);
  }
}

void tdvf_mrtd(const Tdvf *tdvf, gboolean two_pass, guint8 out[48]) {
  const guint8 *file = g_bytes_get_data(tdvf->firmware, NULL);
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha384(), NULL);
  for (guint i = 0; i < tdvf->n_sections; i++) {
    measure_section(digest, &tdvf->sections[i], file, TRUE, !two_pass);
    if (two_pass)
      measure_section(digest, &tdvf->sections[i], file, FALSE, TRUE);
  }
  EVP_DigestFinal_ex(digest, out, NULL);
  EVP_MD_CTX_free(digest);
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
  g_array_sort(next, by_start);
  g_array_unref(ranges);
  return next;
}

static void put_resource(GByteArray *out, gboolean accepted, guint64 start, guint64 len) {
  put_u16(out, 3), put_u16(out, 48), put_u32(out, 0);
  put_zeros(out, 16);
  put_u32(out, accepted ? 0 : 7), put_u32(out, 7);
  put_u64(out, start), put_u64(out, len);
}

/* Memory over the hole goes above 4 GiB. */
static void put_last_range(GByteArray *out, const Range *last, guint64 memory_size) {
  if (memory_size < 0xb0000000) {
    put_resource(out, FALSE, last->start, last->end - last->start);
    return;
  }
  if (last->start < 0x80000000)
    put_resource(out, FALSE, last->start, 0x80000000 - last->start);
  if (last->end > 0x80000000)
    put_resource(out, FALSE, G_GUINT64_CONSTANT(1) << 32, last->end - 0x80000000);
}

GByteArray *tdvf_td_hob(const Tdvf *tdvf, guint64 memory_size) {
  GArray *ranges = g_array_new(FALSE, FALSE, sizeof(Range));
  append_range(ranges, FALSE, 0, memory_size);
  guint64 hob_base = DEFAULT_HOB;
  for (guint i = 0; i < tdvf->n_sections; i++) {
    const TdvfSection *section = &tdvf->sections[i];
    if (section->type == TDVF_TD_HOB)
      hob_base = section->address;
    if ((section->type == TDVF_TD_HOB || section->type == TDVF_TEMP_MEM) && section->size > 0)
      ranges = accept_range(ranges, section->address, section->address + section->size);
  }
  GByteArray *out = g_byte_array_new();
  put_u16(out, 1), put_u16(out, 56), put_u32(out, 0), put_u32(out, 9), put_u32(out, 0);
  put_zeros(out, 4 * 8 + 8);
  for (guint i = 0; i + 1 < ranges->len; i++) {
    const Range *range = &g_array_index(ranges, Range, i);
    put_resource(out, range->accepted, range->start, range->end - range->start);
  }
  put_last_range(out, &g_array_index(ranges, Range, ranges->len - 1), memory_size);
  set_le(out, 48, hob_base + out->len + 8, 8);
  g_array_unref(ranges);
  return out;
}

gboolean tdvf_cfv_digest(const Tdvf *tdvf, guint8 out[48], GError **error) {
  const guint8 *file = g_bytes_get_data(tdvf->firmware, NULL);
  for (guint i = 0; i < tdvf->n_sections; i++)
    if (tdvf->sections[i].type == TDVF_CFV) {
      digest_sha384(file + tdvf->sections[i].data_offset, tdvf->sections[i].raw_size, out);
      return TRUE;
    }
  return invalid(error, "no configuration volume");
}
