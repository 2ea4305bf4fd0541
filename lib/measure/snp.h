/* The launch measurement of AMD SEV-SNP machines (spec: measurement 11). */
#pragma once

#include "measure.h"

#include <glib.h>
#include <jansson.h>

#define SNP_MAX_SECTIONS 64
#define SNP_MAX_VCPUS 512

typedef enum {
  SNP_SEC_MEMORY = 1,
  SNP_SECRETS = 2,
  SNP_CPUID = 3,
  SNP_SVSM_CAA = 4,
  SNP_KERNEL_HASHES = 0x10,
} SnpSectionType;

typedef struct {
  guint32 gpa, size;
  guint32 type; /* SnpSectionType */
} SnpSection;

/* What the firmware file says and is. */
typedef struct {
  guint8 ovmf_hash[48]; /* launch digest after the firmware's pages */
  guint64 hashes_table_gpa;
  guint32 reset_eip;
  guint n_sections;
  SnpSection sections[SNP_MAX_SECTIONS];
} SnpFirmware;

/* Reads the GUID table at the end of an OVMF image built for SEV. Error INVALID: no or contradictory metadata. */
gboolean snp_firmware_parse(GBytes *file, SnpFirmware *out, GError **error);

/* The document measurement.snp.cbor. */
typedef struct {
  char *cmdline; /* without " initrd=initrd" */
  guint8 kernel_hash[32], initrd_hash[32];
  SnpFirmware firmware;
} SnpDocument;
void snp_document_free(SnpDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SnpDocument, snp_document_free)
SnpDocument *snp_document_parse(GBytes *bytes, GError **error);
GBytes *snp_document_print(const SnpDocument *document);
/* Of an image directory: the firmware is metadata.json's `bios-sev`, else `bios`. */
SnpDocument *snp_document_of_image(const OsImage *image, GError **error);
/* For people. New reference. */
json_t *snp_document_describe(const SnpDocument *document);

typedef struct {
  guint vcpus;
  const char *vcpu_type; /* "EPYC-v4" in any case, blanks around are ignored */
  guint64 guest_features;
} SnpMachine;

/* Error INVALID: a document or machine out of bounds, an unknown CPU type, no place for the kernel hashes. */
gboolean snp_launch_digest(const SnpDocument *document, const SnpMachine *machine, guint8 out[48], GError **error);
/* One step of the chain: contents of one page of `type` at `gpa` (spec: measurement 11.2). */
void snp_launch_update(guint8 digest[48], guint8 type, guint64 gpa, const guint8 contents[48]);

/* The JSON text of vm_config's `sev_snp_measurement`: {checksum_file, measurement, vcpus, vcpu_type, guest_features},
 * no other members. Checks that the document belongs to the image and computes the measurement. Errors: INVALID,
 * UNVERIFIED. */
gboolean snp_measure_text(const char *json, const guint8 os_image_hash[32], guint8 out[48], GError **error);
