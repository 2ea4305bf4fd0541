/* The document measurement.snp.cbor (spec: measurement 10.3). */
#include "snp.h"

#include "cbor.h"
#include "document.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

enum { VERSION = 3, MAX_KEY = 32, MAX_CMDLINE = 4096, MAX_FIRMWARE = 64 << 20 };

void snp_document_free(SnpDocument *document) {
  if (!document)
    return;
  g_free(document->cmdline);
  g_free(document);
}

static void take_sections(Reader *reader, SnpFirmware *out) {
  out->n_sections = cbor_take_array(reader, SNP_MAX_SECTIONS);
  for (guint i = 0; i < out->n_sections && reader_ok(reader); i++) {
    guint n = cbor_take_map(reader, 3), seen = 0;
    for (guint k = 0; k < n && reader_ok(reader); k++) {
      g_autofree char *key = cbor_take_text(reader, MAX_KEY);
      guint32 value = (guint32)cbor_take_uint(reader, G_MAXUINT32);
      SnpSection *section = &out->sections[i];
      if (g_strcmp0(key, "gpa") == 0)
        section->gpa = value, seen |= 1;
      else if (g_strcmp0(key, "size") == 0)
        section->size = value, seen |= 2;
      else if (g_strcmp0(key, "type") == 0)
        section->type = value, seen |= 4;
    }
    if (n != 3 || seen != 7)
      reader_fail(reader);
  }
}

static void take_member(Reader *reader, guint index, SnpDocument *out) {
  SnpFirmware *firmware = &out->firmware;
  switch (index) {
  case 0:
    if (cbor_take_uint(reader, VERSION) != VERSION)
      reader_fail(reader);
    break;
  case 1:
    out->cmdline = cbor_take_text(reader, MAX_CMDLINE);
    break;
  case 2:
    cbor_take_fixed(reader, firmware->ovmf_hash, sizeof firmware->ovmf_hash);
    break;
  case 3:
    cbor_take_fixed(reader, out->kernel_hash, sizeof out->kernel_hash);
    break;
  case 4:
    cbor_take_fixed(reader, out->initrd_hash, sizeof out->initrd_hash);
    break;
  case 5:
    firmware->hashes_table_gpa = cbor_take_uint(reader, G_MAXUINT64);
    break;
  case 6:
    firmware->reset_eip = (guint32)cbor_take_uint(reader, G_MAXUINT32);
    break;
  default:
    take_sections(reader, firmware);
  }
}

SnpDocument *snp_document_parse(GBytes *bytes, GError **error) {
  static const char *const keys[] = {"version",     "cmdline",          "ovmf_hash", "kernel_hash",
                                     "initrd_hash", "hashes_table_gpa", "reset_eip", "ovmf_sections"};
  g_autoptr(SnpDocument) document = g_new0(SnpDocument, 1);
  Reader reader = reader_init_bytes(bytes);
  guint n = cbor_take_map(&reader, G_N_ELEMENTS(keys)), seen = 0;
  for (guint i = 0; i < n && reader_ok(&reader); i++) {
    g_autofree char *key = cbor_take_text(&reader, MAX_KEY);
    guint at = 0;
    while (at < G_N_ELEMENTS(keys) && g_strcmp0(key, keys[at]) != 0)
      at++;
    if (at == G_N_ELEMENTS(keys) || seen & 1u << at)
      reader_fail(&reader);
    else
      take_member(&reader, at, document);
    seen |= 1u << at;
  }
  if (reader_ok(&reader) && reader_remaining(&reader) == 0 && n == G_N_ELEMENTS(keys))
    return g_steal_pointer(&document);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "amd sev-snp measurement document: malformed at byte %" G_GSIZE_FORMAT, reader.pos);
  return NULL;
}

GBytes *snp_document_print(const SnpDocument *document) {
  const SnpFirmware *firmware = &document->firmware;
  GByteArray *out = g_byte_array_new();
  cbor_put_map(out, 8);
  cbor_put_text(out, "version"), cbor_put_uint(out, VERSION);
  cbor_put_text(out, "cmdline"), cbor_put_text(out, document->cmdline);
  cbor_put_text(out, "ovmf_hash"), cbor_put_bytes(out, firmware->ovmf_hash, sizeof firmware->ovmf_hash);
  cbor_put_text(out, "kernel_hash"), cbor_put_bytes(out, document->kernel_hash, sizeof document->kernel_hash);
  cbor_put_text(out, "initrd_hash"), cbor_put_bytes(out, document->initrd_hash, sizeof document->initrd_hash);
  cbor_put_text(out, "hashes_table_gpa"), cbor_put_uint(out, firmware->hashes_table_gpa);
  cbor_put_text(out, "reset_eip"), cbor_put_uint(out, firmware->reset_eip);
  cbor_put_text(out, "ovmf_sections"), cbor_put_array(out, firmware->n_sections);
  for (guint i = 0; i < firmware->n_sections; i++) {
    cbor_put_map(out, 3);
    cbor_put_text(out, "gpa"), cbor_put_uint(out, firmware->sections[i].gpa);
    cbor_put_text(out, "size"), cbor_put_uint(out, firmware->sections[i].size);
    cbor_put_text(out, "type"), cbor_put_uint(out, firmware->sections[i].type);
  }
  return g_byte_array_free_to_bytes(out);
}

SnpDocument *snp_document_of_image(const OsImage *image, GError **error) {
  const char *name = image->bios_sev ? image->bios_sev : image->bios;
  if (!name) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "image %s: metadata.json names no firmware", image->dir);
    return NULL;
  }
  g_autofree char *firmware_path = g_build_filename(image->dir, name, NULL);
  g_autofree char *kernel_path = g_build_filename(image->dir, image->kernel, NULL);
  g_autofree char *initrd_path = g_build_filename(image->dir, image->initrd, NULL);
  g_autoptr(SnpDocument) document = g_new0(SnpDocument, 1);
  document->cmdline = g_strdup(image->cmdline ? image->cmdline : "");
  g_autoptr(GBytes) firmware = file_read(firmware_path, MAX_FIRMWARE, error);
  if (!firmware || !document_check_cmdline(document->cmdline, error) ||
      !snp_firmware_parse(firmware, &document->firmware, error) ||
      !digest_sha256_file(kernel_path, document->kernel_hash, error) ||
      !digest_sha256_file(initrd_path, document->initrd_hash, error))
    return NULL;
  return g_steal_pointer(&document);
}

static void set_hex(json_t *object, const char *key, const guint8 *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  json_object_set_new(object, key, json_string(hex));
}

json_t *snp_document_describe(const SnpDocument *document) {
  const SnpFirmware *firmware = &document->firmware;
  json_t *object = json_pack("{s:i, s:s}", "version", VERSION, "cmdline", document->cmdline), *sections = json_array();
  set_hex(object, "ovmf_hash", firmware->ovmf_hash, sizeof firmware->ovmf_hash);
  set_hex(object, "kernel_hash", document->kernel_hash, sizeof document->kernel_hash);
  set_hex(object, "initrd_hash", document->initrd_hash, sizeof document->initrd_hash);
  json_object_set_new(object, "hashes_table_gpa", json_integer((json_int_t)firmware->hashes_table_gpa));
  json_object_set_new(object, "reset_eip", json_integer(firmware->reset_eip));
  for (guint i = 0; i < firmware->n_sections; i++)
    json_array_append_new(sections, json_pack("{s:I, s:I, s:I}", "gpa", (json_int_t)firmware->sections[i].gpa, "size",
                                              (json_int_t)firmware->sections[i].size, "type",
                                              (json_int_t)firmware->sections[i].type));
  json_object_set_new(object, "ovmf_sections", sections);
  return object;
}
