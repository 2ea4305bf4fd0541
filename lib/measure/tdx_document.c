/* The TDX measurement document: read, written, made of an image (spec: measurement 10.1). */
#include "document.h"

#include "boot_log.h"
#include "cbor.h"
#include "image_digests.h"
#include "machine.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

enum { VERSION_HASHED = 3, VERSION_TEXT = 4, MAX_KEY = 32, MAX_CMDLINE = 4096, MAX_WITNESS = 2048 };
/* The kernel is measured as QEMU patches it in a VM with at least this much memory. */
#define MEMORY_OF_DOCUMENT 0xb0000000u

static const char what[] = "tdx measurement document";

void tdx_document_free(TdxDocument *document) {
  if (!document)
    return;
  g_free(document->cmdline);
  g_free(document->ovmf);
  g_free(document);
}

/* Members in any order, each once. `seen` has a bit for each. */
typedef struct {
  const char *key;
  void (*take)(Reader *reader, TdxDocument *document);
  gboolean optional;
} Member;

static void take_members(Reader *reader, TdxDocument *document, const Member *members, guint n_members) {
  guint n = cbor_take_map(reader, n_members), seen = 0;
  for (guint i = 0; i < n && reader_ok(reader); i++) {
    g_autofree char *key = cbor_take_text(reader, MAX_KEY);
    guint at = 0;
    while (at < n_members && g_strcmp0(key, members[at].key) != 0)
      at++;
    if (at == n_members || seen & 1u << at) {
      reader_fail(reader);
      return;
    }
    seen |= 1u << at;
    members[at].take(reader, document);
  }
  for (guint at = 0; at < n_members; at++)
    if (!members[at].optional && !(seen & 1u << at))
      reader_fail(reader);
}

static void take_version(Reader *reader, TdxDocument *document) {
  document->version = (guint)cbor_take_uint(reader, G_MAXUINT8);
}
static void take_cmdline_hash(Reader *reader, TdxDocument *document) {
  if (document->version != VERSION_HASHED)
    reader_fail(reader);
  cbor_take_fixed(reader, document->cmdline_sha384, sizeof document->cmdline_sha384);
}
static void take_cmdline(Reader *reader, TdxDocument *document) {
  document->cmdline = cbor_take_text(reader, MAX_CMDLINE);
  if (document->version != VERSION_TEXT || !document->cmdline ||
      !boot_log_hash_cmdline(document->cmdline, document->cmdline_sha384, NULL))
    reader_fail(reader);
}
static void take_kernel(Reader *reader, TdxDocument *document) {
  cbor_take_fixed(reader, document->kernel_authenticode, sizeof document->kernel_authenticode);
}
static void take_initrd(Reader *reader, TdxDocument *document) {
  cbor_take_fixed(reader, document->initrd_sha384, sizeof document->initrd_sha384);
}
static void take_normalized(Reader *reader, TdxDocument *document) {
  document->kernel_header_normalized = cbor_take_bool(reader);
  if (document->version != VERSION_TEXT)
    reader_fail(reader);
}
static void take_image(Reader *reader, TdxDocument *document) {
  static const Member members[] = {{"cmdline_sha384", take_cmdline_hash, TRUE},
                                   {"cmdline", take_cmdline, TRUE},
                                   {"kernel_authenticode", take_kernel, FALSE},
                                   {"initrd_sha384", take_initrd, FALSE},
                                   {"kernel_header_normalized", take_normalized, TRUE}};
  take_members(reader, document, members, G_N_ELEMENTS(members));
}

static void take_ovmf(Reader *reader, TdxDocument *document) { document->ovmf = cbor_take_text(reader, MAX_KEY); }
static void take_single(Reader *reader, TdxDocument *document) {
  cbor_take_fixed(reader, document->mrtd_single_pass, sizeof document->mrtd_single_pass);
}
static void take_two(Reader *reader, TdxDocument *document) {
  cbor_take_fixed(reader, document->mrtd_two_pass, sizeof document->mrtd_two_pass);
}
static void take_mrtd(Reader *reader, TdxDocument *document) {
  static const Member members[] = {{"single_pass", take_single, FALSE}, {"two_pass", take_two, FALSE}};
  take_members(reader, document, members, G_N_ELEMENTS(members));
}
static void take_td_hob(Reader *reader, TdxDocument *document) {
  gsize len;
  const guint8 *witness = cbor_take_bytes(reader, MAX_WITNESS, &len);
  if (!witness || !td_hob_read_witness(witness, len, &document->td_hob, NULL))
    reader_fail(reader);
}
static void take_tdvf(Reader *reader, TdxDocument *document) {
  static const Member members[] = {
      {"ovmf", take_ovmf, FALSE}, {"mrtd", take_mrtd, FALSE}, {"td_hob", take_td_hob, FALSE}};
  take_members(reader, document, members, G_N_ELEMENTS(members));
}

static gboolean check_cmdline_member(const TdxDocument *document, GError **error) {
  if (document->version != VERSION_HASHED && document->version != VERSION_TEXT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: unsupported version %u", what, document->version);
    return FALSE;
  }
  static const guint8 none[48];
  if (memcmp(document->cmdline_sha384, none, sizeof none) == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: it has no command line", what);
    return FALSE;
  }
  return !document->cmdline || document_check_cmdline(document->cmdline, error);
}

TdxDocument *tdx_document_parse(GBytes *bytes, GError **error) {
  static const Member members[] = {
      {"version", take_version, FALSE}, {"image", take_image, FALSE}, {"tdvf", take_tdvf, FALSE}};
  g_autoptr(TdxDocument) document = g_new0(TdxDocument, 1);
  Reader reader = reader_init_bytes(bytes);
  take_members(&reader, document, members, G_N_ELEMENTS(members));
  if (!reader_ok(&reader) || reader_remaining(&reader) > 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: malformed at byte %" G_GSIZE_FORMAT, what, reader.pos);
    return NULL;
  }
  return check_cmdline_member(document, error) ? g_steal_pointer(&document) : NULL;
}

static void put_hash(GByteArray *out, const char *key, const guint8 hash[48]) {
  cbor_put_text(out, key);
  cbor_put_bytes(out, hash, 48);
}

GBytes *tdx_document_print(const TdxDocument *document, GError **error) {
  g_autoptr(GByteArray) witness = td_hob_witness(&document->td_hob, error);
  if (!witness)
    return NULL;
  GByteArray *out = g_byte_array_new();
  cbor_put_map(out, 3);
  cbor_put_text(out, "version"), cbor_put_uint(out, document->version);
  cbor_put_text(out, "image"), cbor_put_map(out, document->kernel_header_normalized ? 4 : 3);
  if (document->version == VERSION_TEXT)
    cbor_put_text(out, "cmdline"), cbor_put_text(out, document->cmdline);
  else
    put_hash(out, "cmdline_sha384", document->cmdline_sha384);
  put_hash(out, "kernel_authenticode", document->kernel_authenticode);
  put_hash(out, "initrd_sha384", document->initrd_sha384);
  if (document->kernel_header_normalized)
    cbor_put_text(out, "kernel_header_normalized"), cbor_put_bool(out, TRUE);
  cbor_put_text(out, "tdvf"), cbor_put_map(out, 3);
  cbor_put_text(out, "ovmf"), cbor_put_text(out, document->ovmf);
  cbor_put_text(out, "mrtd"), cbor_put_map(out, 2);
  put_hash(out, "single_pass", document->mrtd_single_pass);
  put_hash(out, "two_pass", document->mrtd_two_pass);
  cbor_put_text(out, "td_hob"), cbor_put_bytes(out, witness->data, witness->len);
  return g_byte_array_free_to_bytes(out);
}

/* Without the firmware file a verifier takes the variable store for the standard one. */
static gboolean check_cfv(const FirmwareFacts *firmware, GError **error) {
  guint8 standard[48];
  boot_log_standard_cfv(standard);
  if (memcmp(firmware->cfv, standard, sizeof standard) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "%s: the firmware's variable store is not the standard one of 4 MiB firmware", what);
  return FALSE;
}

TdxDocument *tdx_document_of_image(const OsImage *image, GError **error) {
  FirmwareFacts single, two;
  KernelFacts kernel;
  const char *cmdline = image->cmdline ? image->cmdline : "";
  if (!document_check_cmdline(cmdline, error) || !machine_check_ovmf(image->ovmf_variant, error) ||
      !image_firmware_facts(image, FALSE, &single, error) || !image_firmware_facts(image, TRUE, &two, error) ||
      !check_cfv(&single, error) ||
      !image_kernel_facts(image, MEMORY_OF_DOCUMENT, !image->kernel_header_normalized, &kernel, error))
    return NULL;
  TdxDocument *document = g_new0(TdxDocument, 1);
  *document = (TdxDocument){.version = image->kernel_header_normalized ? VERSION_TEXT : VERSION_HASHED,
                            .kernel_header_normalized = image->kernel_header_normalized,
                            .cmdline = image->kernel_header_normalized ? g_strdup(cmdline) : NULL,
                            .ovmf = g_strdup(MEASURE_OVMF_VARIANT),
                            .td_hob = single.td_hob};
  memcpy(document->mrtd_single_pass, single.mrtd, sizeof single.mrtd);
  memcpy(document->mrtd_two_pass, two.mrtd, sizeof two.mrtd);
  memcpy(document->cmdline_sha384, kernel.cmdline, sizeof kernel.cmdline);
  memcpy(document->kernel_authenticode, kernel.kernel, sizeof kernel.kernel);
  memcpy(document->initrd_sha384, kernel.initrd, sizeof kernel.initrd);
  return document;
}

static void set_hash(json_t *object, const char *key, const guint8 hash[48]) {
  g_autofree char *hex = hex_encode(hash, 48);
  json_object_set_new(object, key, json_string(hex));
}

static json_t *describe_image(const TdxDocument *document) {
  json_t *image = json_object();
  if (document->cmdline)
    json_object_set_new(image, "cmdline", json_string(document->cmdline));
  else
    set_hash(image, "cmdline_sha384", document->cmdline_sha384);
  set_hash(image, "kernel_authenticode", document->kernel_authenticode);
  set_hash(image, "initrd_sha384", document->initrd_sha384);
  if (document->kernel_header_normalized)
    json_object_set_new(image, "kernel_header_normalized", json_true());
  return image;
}

json_t *tdx_document_describe(const TdxDocument *document, GError **error) {
  g_autoptr(GByteArray) witness = td_hob_witness(&document->td_hob, error);
  if (!witness)
    return NULL;
  g_autofree char *hex = hex_encode(witness->data, witness->len);
  json_t *mrtd = json_object();
  set_hash(mrtd, "single_pass", document->mrtd_single_pass);
  set_hash(mrtd, "two_pass", document->mrtd_two_pass);
  return json_pack("{s:i, s:o, s:{s:s, s:o, s:s}}", "version", (int)document->version, "image",
                   describe_image(document), "tdvf", "ovmf", document->ovmf, "mrtd", mrtd, "td_hob", hex);
}
