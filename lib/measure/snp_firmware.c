/* OVMF built for AMD SEV: its metadata, and the digest of its pages (spec: measurement 11.2, 11.5). */
#include "snp.h"

#include "guid.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/digest.h"

#include <string.h>

enum { PAGE = 4096, FOOTER_FROM_END = 48, ENTRY_MIN = 18, GUID_SIZE = 16, PAGE_NORMAL = 1 };
#define FOUR_GIB (G_GUINT64_CONSTANT(1) << 32)

static const char footer_guid[] = "96b582de-1fb2-45f7-baea-a366c55a082d";
static const char hashes_guid[] = "7255371f-3a3b-4b04-927b-1da6efa8d454";
static const char reset_guid[] = "00f771de-1a7e-4fcb-890e-68c77e2fb44e";
static const char metadata_guid[] = "dc886566-984a-4798-a75e-5585a7bf67cc";

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "sev firmware: %s", why);
  return FALSE;
}

static guint read_u16(const guint8 *at) { return at[0] | (guint)at[1] << 8; }
static guint32 read_u32(const guint8 *at) { return read_u16(at) | (guint32)read_u16(at + 2) << 16; }

typedef struct {
  guint32 hashes_gpa, reset_eip, metadata_from_end;
} FooterTable;

static void take_entry(const guint8 *end, guint len, FooterTable *out) {
  const guint8 *guid = end - GUID_SIZE;
  guint32 value = len >= ENTRY_MIN + 4 ? read_u32(end - ENTRY_MIN - 4) : 0;
  if (guid_is(guid, hashes_guid))
    out->hashes_gpa = value;
  else if (guid_is(guid, reset_guid))
    out->reset_eip = value;
  else if (guid_is(guid, metadata_guid))
    out->metadata_from_end = value;
}

static gboolean read_table(const guint8 *data, gsize size, FooterTable *out, GError **error) {
  if (size < FOOTER_FROM_END + 2 || !guid_is(data + size - FOOTER_FROM_END, footer_guid))
    return invalid(error, "no guid table");
  gsize end = size - FOOTER_FROM_END - 2, len = read_u16(data + end);
  if (len < ENTRY_MIN || len - ENTRY_MIN > end)
    return invalid(error, "guid table has a wrong length");
  for (gsize left = len - ENTRY_MIN; left > 0;) {
    guint entry = left >= ENTRY_MIN ? read_u16(data + end - ENTRY_MIN) : 0;
    if (entry < ENTRY_MIN || entry > left)
      return invalid(error, "guid table entry has a wrong length");
    take_entry(data + end, entry, out);
    end -= entry;
    left -= entry;
  }
  if (out->hashes_gpa == 0 || out->reset_eip == 0 || out->metadata_from_end == 0)
    return invalid(error, "the guid table lacks an entry for sev");
  return TRUE;
}

static gboolean read_metadata(Reader reader, SnpFirmware *out, GError **error) {
  const guint8 *magic = reader_take(&reader, 4);
  reader_skip(&reader, 4); /* size: the count says it too */
  guint32 version = reader_u32le(&reader), n = reader_u32le(&reader);
  if (!magic || memcmp(magic, "ASEV", 4) != 0 || version != 1 || n == 0 || n > SNP_MAX_SECTIONS)
    return invalid(error, "unsupported sev metadata");
  out->n_sections = n;
  for (guint i = 0; i < n; i++) {
    out->sections[i].gpa = reader_u32le(&reader);
    out->sections[i].size = reader_u32le(&reader);
    out->sections[i].type = reader_u32le(&reader);
  }
  return reader_check(&reader, "sev firmware: metadata", error);
}

static void digest_pages(const guint8 *data, gsize size, guint8 out[48]) {
  memset(out, 0, 48);
  for (gsize at = 0; at < size; at += PAGE) {
    guint8 contents[48];
    digest_sha384(data + at, PAGE, contents);
    snp_launch_update(out, PAGE_NORMAL, FOUR_GIB - size + at, contents);
  }
}

gboolean snp_firmware_parse(GBytes *file, SnpFirmware *out, GError **error) {
  gsize size;
  const guint8 *data = g_bytes_get_data(file, &size);
  FooterTable table = {0};
  *out = (SnpFirmware){0};
  if (size == 0 || size % PAGE || size > FOUR_GIB)
    return invalid(error, "not a whole number of pages");
  if (!read_table(data, size, &table, error))
    return FALSE;
  if (table.metadata_from_end > size)
    return invalid(error, "metadata lies outside of the file");
  gsize at = size - table.metadata_from_end;
  if (!read_metadata(reader_init(data + at, size - at), out, error))
    return FALSE;
  out->hashes_table_gpa = table.hashes_gpa;
  out->reset_eip = table.reset_eip;
  digest_pages(data, size, out->ovmf_hash);
  return TRUE;
}
