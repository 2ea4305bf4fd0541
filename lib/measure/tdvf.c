#include "tdvf.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/digest.h"
#include "guid.h"

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

static guint8 *put_record(guint8 *at, const char *kind, guint64 address) {
  memset(at, 0, RECORD);
  memcpy(at, kind, strlen(kind));
  for (guint i = 0; i < 8; i++)
    at[16 + i] = (guint8)(address >> (8 * i));
  return at + RECORD;
}

/* What the TDX module hashes for one page, in one piece: at most a record to add it, then its chunks each with one. */
static void measure_page(EVP_MD_CTX *digest, guint64 address, const guint8 *content, gboolean add, gboolean extend) {
  guint8 stream[RECORD + (PAGE / CHUNK) * (RECORD + CHUNK)], *end = stream;
  if (add)
    end = put_record(end, "MEM.PAGE.ADD", address);
  for (guint at = 0; extend && at < PAGE; at += CHUNK) {
    end = put_record(end, "MR.EXTEND", address + at);
    memcpy(end, content + at, CHUNK);
    end += CHUNK;
  }
  EVP_DigestUpdate(digest, stream, (gsize)(end - stream));
}

static void measure_section(EVP_MD_CTX *digest, const TdvfSection *section, const guint8 *file, gboolean add,
                            gboolean extend) {
  add = add && !section->page_aug;
  extend = extend && section->extend;
  if (!add && !extend)
    return;
  for (guint64 at = 0; at < section->size; at += PAGE)
    measure_page(digest, section->address + at, extend ? file + section->data_offset + at : NULL, add, extend);
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

gboolean tdvf_td_hob_layout(const Tdvf *tdvf, TdHobLayout *out, GError **error) {
  *out = (TdHobLayout){.base = DEFAULT_HOB};
  for (guint i = 0; i < tdvf->n_sections; i++) {
    const TdvfSection *section = &tdvf->sections[i];
    if (section->type == TDVF_TD_HOB)
      out->base = section->address;
    if (section->type != TDVF_TD_HOB && section->type != TDVF_TEMP_MEM)
      continue;
    if (out->n_ranges == G_N_ELEMENTS(out->ranges))
      return invalid(error, "too many memory sections");
    out->ranges[out->n_ranges++] = (TdHobRange){section->address, section->address + section->size};
  }
  return TRUE;
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
