#include "snp.h"

#include "document.h"
#include "guid.h"

#include "base/error.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

enum {
  PAGE = 4096,
  UPDATE_SIZE = 112,
  PAGE_NORMAL = 1,
  PAGE_VMSA = 2,
  PAGE_ZERO = 3,
  PAGE_SECRETS = 5,
  PAGE_CPUID = 6
};
#define MAX_PAGES 16777216
#define VMSA_GPA G_GUINT64_CONSTANT(0x0000fffffffff000)
#define FIRST_CPU_EIP 0xfffffff0u
#define MAX_CPU_TYPE 32

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "amd sev-snp measurement: %s", why);
  return FALSE;
}

static void put_le(guint8 *at, guint64 value, guint size) {
  for (guint i = 0; i < size; i++)
    at[i] = (guint8)(value >> (8 * i));
}

void snp_launch_update(guint8 digest[48], guint8 type, guint64 gpa, const guint8 contents[48]) {
  guint8 record[UPDATE_SIZE] = {0};
  memcpy(record, digest, 48);
  memcpy(record + 48, contents, 48);
  put_le(record + 96, UPDATE_SIZE, 2);
  record[98] = type;
  put_le(record + 104, gpa, 8);
  digest_sha384(record, sizeof record, digest);
}

/* ---- the page of kernel hashes (11.3) ---- */

static guint8 *put_entry(guint8 *at, const char *guid, const guint8 hash[32]) {
  guid_parse(guid, at);
  put_le(at + 16, 50, 2);
  memcpy(at + 18, hash, 32);
  return at + 50;
}

static gboolean add_kernel_hashes(guint8 digest[48], const SnpDocument *document, guint64 gpa, GError **error) {
  guint8 page[PAGE] = {0}, contents[48], cmdline_hash[32];
  guint64 offset = document->firmware.hashes_table_gpa & (PAGE - 1);
  if (offset + 176 > PAGE)
    return invalid(error, "the table of hashes does not fit its page");
  g_autofree char *cmdline = g_strstrip(g_strdup(document->cmdline));
  digest_sha256(cmdline, strlen(cmdline) + 1, cmdline_hash);
  guint8 *at = page + offset;
  guid_parse("9438d606-4f22-4cc9-b479-a793d411fd21", at);
  put_le(at + 16, 168, 2);
  at = put_entry(at + 18, "97d02dd8-bd20-4c94-aa78-e7714d36ab2a", cmdline_hash);
  at = put_entry(at, "44baf731-3a2f-4bd7-9af1-41e29169781d", document->initrd_hash);
  put_entry(at, "4de79437-abd2-427f-b835-d5b172d2045b", document->kernel_hash);
  digest_sha384(page, sizeof page, contents);
  snp_launch_update(digest, PAGE_NORMAL, gpa, contents);
  return TRUE;
}

static gboolean add_section(guint8 digest[48], const SnpDocument *document, const SnpSection *section, GError **error) {
  static const guint8 zeros[48];
  switch (section->type) {
  case SNP_SEC_MEMORY:
  case SNP_SVSM_CAA:
    for (guint64 at = 0; at < section->size; at += PAGE)
      snp_launch_update(digest, PAGE_ZERO, (guint64)section->gpa + at, zeros);
    return TRUE;
  case SNP_SECRETS:
    snp_launch_update(digest, PAGE_SECRETS, section->gpa, zeros);
    return TRUE;
  case SNP_CPUID:
    snp_launch_update(digest, PAGE_CPUID, section->gpa, zeros);
    return TRUE;
  case SNP_KERNEL_HASHES:
    return add_kernel_hashes(digest, document, section->gpa, error);
  default:
    return invalid(error, "unknown section type");
  }
}

/* ---- the save area of a virtual CPU (11.4) ---- */

static const struct {
  const char *name;
  guint family, model, stepping;
} cpu_types[] = {{"epyc", 23, 1, 2},          {"epyc-v1", 23, 1, 2},       {"epyc-v2", 23, 1, 2},
                 {"epyc-v3", 23, 1, 2},       {"epyc-v4", 23, 1, 2},       {"epyc-ibpb", 23, 1, 2},
                 {"epyc-rome", 23, 49, 0},    {"epyc-rome-v1", 23, 49, 0}, {"epyc-rome-v2", 23, 49, 0},
                 {"epyc-rome-v3", 23, 49, 0}, {"epyc-milan", 25, 1, 1},    {"epyc-milan-v1", 25, 1, 1},
                 {"epyc-milan-v2", 25, 1, 1}, {"epyc-genoa", 25, 17, 0},   {"epyc-genoa-v1", 25, 17, 0}};

static gboolean cpu_signature(const char *type, guint32 *out, GError **error) {
  g_autofree char *name = g_strstrip(g_ascii_strdown(type, -1));
  for (guint i = 0; i < G_N_ELEMENTS(cpu_types); i++) {
    if (strcmp(name, cpu_types[i].name) != 0)
      continue;
    guint family = cpu_types[i].family, model = cpu_types[i].model;
    *out = (family - 0xf) << 20 | (model >> 4) << 16 | 0xf00 | (model & 0xf) << 4 | cpu_types[i].stepping;
    return TRUE;
  }
  return invalid(error, "unknown vcpu_type");
}

static void put_segment(guint8 *at, guint selector, guint attributes, guint32 limit, guint64 base) {
  put_le(at, selector, 2), put_le(at + 2, attributes, 2), put_le(at + 4, limit, 4), put_le(at + 8, base, 8);
}

static void build_vmsa(guint8 page[PAGE], guint32 eip, guint32 signature, guint64 guest_features) {
  memset(page, 0, PAGE);
  static const guint data_segments[] = {0x00, 0x20, 0x30, 0x40, 0x50};
  for (guint i = 0; i < G_N_ELEMENTS(data_segments); i++)
    put_segment(page + data_segments[i], 0, 0x93, 0xffff, 0);
  put_segment(page + 0x10, 0xf000, 0x9b, 0xffff, eip & 0xffff0000u);
  put_segment(page + 0x60, 0, 0, 0xffff, 0);
  put_segment(page + 0x70, 0, 0x82, 0xffff, 0);
  put_segment(page + 0x80, 0, 0, 0xffff, 0);
  put_segment(page + 0x90, 0, 0x8b, 0xffff, 0);
  const struct {
    guint at;
    guint64 value;
  } words[] = {{0xd0, 0x1000},
               {0x148, 0x40},
               {0x158, 0x10},
               {0x160, 0x400},
               {0x168, 0xffff0ff0},
               {0x170, 2},
               {0x178, eip & 0xffff},
               {0x268, G_GUINT64_CONSTANT(0x0007040600070406)},
               {0x310, signature},
               {0x3b0, guest_features},
               {0x3e8, 1}};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    put_le(page + words[i].at, words[i].value, 8);
  put_le(page + 0x408, 0x1f80, 4);
  put_le(page + 0x410, 0x037f, 2);
}

static void add_cpus(guint8 digest[48], const SnpMachine *machine, guint32 reset_eip, guint32 signature) {
  guint8 page[PAGE], first[48], other[48];
  build_vmsa(page, FIRST_CPU_EIP, signature, machine->guest_features);
  digest_sha384(page, sizeof page, first);
  build_vmsa(page, reset_eip, signature, machine->guest_features);
  digest_sha384(page, sizeof page, other);
  for (guint i = 0; i < machine->vcpus; i++)
    snp_launch_update(digest, PAGE_VMSA, VMSA_GPA, i == 0 ? first : other);
}

static gboolean check_sections(const SnpFirmware *firmware, GError **error) {
  guint64 pages = 0;
  gboolean has_hashes = FALSE;
  for (guint i = 0; i < firmware->n_sections; i++) {
    const SnpSection *section = &firmware->sections[i];
    if (section->size == 0)
      return invalid(error, "empty section");
    pages += ((guint64)section->size + PAGE - 1) / PAGE;
    has_hashes |= section->type == SNP_KERNEL_HASHES;
  }
  if (pages > MAX_PAGES)
    return invalid(error, "sections are too large");
  return has_hashes || invalid(error, "no section for kernel hashes");
}

static gboolean check_inputs(const SnpDocument *document, const SnpMachine *machine, GError **error) {
  if (machine->guest_features == 0)
    return invalid(error, "guest_features must not be 0");
  if (machine->vcpus < 1 || machine->vcpus > SNP_MAX_VCPUS)
    return invalid(error, "vcpus must be from 1 to 512");
  if (document->firmware.hashes_table_gpa == 0 || document->firmware.reset_eip == 0)
    return invalid(error, "the firmware's addresses must not be 0");
  return check_sections(&document->firmware, error) && document_check_cmdline(document->cmdline, error);
}

gboolean snp_launch_digest(const SnpDocument *document, const SnpMachine *machine, guint8 out[48], GError **error) {
  guint32 signature;
  if (!check_inputs(document, machine, error) || !cpu_signature(machine->vcpu_type, &signature, error))
    return FALSE;
  guint8 digest[48];
  memcpy(digest, document->firmware.ovmf_hash, sizeof digest);
  for (guint i = 0; i < document->firmware.n_sections; i++)
    if (!add_section(digest, document, &document->firmware.sections[i], error))
      return FALSE;
  add_cpus(digest, machine, document->firmware.reset_eip, signature);
  memcpy(out, digest, sizeof digest);
  return TRUE;
}

static gboolean read_machine(const json_t *object, SnpMachine *out, GError **error) {
  static const char what[] = "sev_snp_measurement";
  guint64 vcpus;
  if (json_object_size(object) != 5)
    return invalid(error, "it must have exactly the five known members");
  out->vcpu_type = json_get_string(object, "vcpu_type", what, error);
  if (!out->vcpu_type || !json_get_uint(object, "vcpus", SNP_MAX_VCPUS, &vcpus, what, error) ||
      !json_get_uint(object, "guest_features", G_MAXINT64, &out->guest_features, what, error))
    return FALSE;
  out->vcpus = (guint)vcpus;
  return strlen(out->vcpu_type) <= MAX_CPU_TYPE || invalid(error, "unknown vcpu_type");
}

gboolean snp_measure_text(const char *json, const guint8 os_image_hash[32], guint8 out[48], GError **error) {
  static const char what[] = "sev_snp_measurement";
  SnpMachine machine;
  g_autoptr(json_t) object = json_parse(json, strlen(json), what, error);
  if (!object || !json_require_object(object, what, error) || !read_machine(object, &machine, error))
    return FALSE;
  const char *checksums = json_get_string(object, "checksum_file", what, error);
  const char *measurement = checksums ? json_get_string(object, "measurement", what, error) : NULL;
  g_autoptr(GBytes) checksum_file = NULL, bytes = NULL;
  if (!measurement || !document_decode_pair(checksums, measurement, &checksum_file, &bytes, error) ||
      !document_bind(checksum_file, bytes, DOCUMENT_SNP_FILE, os_image_hash, error))
    return FALSE;
  g_autoptr(SnpDocument) document = snp_document_parse(bytes, error);
  return document && snp_launch_digest(document, &machine, out, error);
}
