/* Measurement documents: what verifying a VM needs of its image, without the image (spec: measurement 10).
 *
 * A document travels with the image's sha256sum.txt, which lists it, and whose own hash is the image's identity. */
#pragma once

#include "measure.h"
#include "td_hob.h"

#include <glib.h>
#include <jansson.h>

#define DOCUMENT_MAX_SIZE (64 * 1024)
#define DOCUMENT_TDX_FILE "measurement.tdx.cbor"
#define DOCUMENT_SNP_FILE "measurement.snp.cbor"
#define DOCUMENT_GCP_FILE "measurement.gcp.cbor"
#define DOCUMENT_AWS_FILE "measurement.aws.cbor"

/* SHA256(checksum_file) must be `os_image_hash`, and its one line for `file_name` the document's hash.
 * Errors: INVALID (malformed, missing, twice), UNVERIFIED. */
gboolean document_bind(GBytes *checksum_file, GBytes *document, const char *file_name, const guint8 os_image_hash[32],
                       GError **error);
/* Both members of such a pair from base64 text. */
gboolean document_decode_pair(const char *checksum_file, const char *measurement, GBytes **checksum_out,
                              GBytes **document_out, GError **error);
/* TRUE when the command line has `dstack.rootfs_hash=` and 64 hex digits as a word; else error INVALID. */
gboolean document_check_cmdline(const char *cmdline, GError **error);

typedef struct {
  guint version; /* 3, or 4: the command line as text */
  guint8 cmdline_sha384[48], kernel_authenticode[48], initrd_sha384[48];
  char *cmdline; /* version 4 only; cmdline_sha384 is then computed from it */
  gboolean kernel_header_normalized;
  char *ovmf;
  guint8 mrtd_single_pass[48], mrtd_two_pass[48];
  TdHobLayout td_hob;
} TdxDocument;
void tdx_document_free(TdxDocument *document);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxDocument, tdx_document_free)

/* Error INVALID: not such a document, or of an unknown version. */
TdxDocument *tdx_document_parse(GBytes *bytes, GError **error);
GBytes *tdx_document_print(const TdxDocument *document, GError **error);
/* Of an image directory; version 4 when its kernel header is normalized, else 3. */
TdxDocument *tdx_document_of_image(const OsImage *image, GError **error);
/* For people: every member, bytes as hex. New reference. */
json_t *tdx_document_describe(const TdxDocument *document, GError **error);

/* What the quote of a VM with this document must show. The ACPI digests come from `quoted_log`, by their names; when
 * the shape can be predicted, they must also be the predicted ones, and *acpi_verified says so. A shape whose tables
 * are not predictable leaves it FALSE. Errors: INVALID, UNVERIFIED (tables that are not QEMU's). */
gboolean tdx_document_measure(const TdxDocument *document, const MeasureVm *vm, TdxEventLog *quoted_log,
                              Measurements *out, gboolean *acpi_verified, GError **error);

/* Authenticode SHA-256 of the unified kernel image, for Google's TDX machines. */
GBytes *gcp_document_print(const guint8 uki_authenticode[32]);
gboolean gcp_document_parse(GBytes *bytes, guint8 uki_authenticode[32], GError **error);
/* SHA256(PCR4 || PCR7 || PCR12), 48 bytes each, for AWS NitroTPM. */
GBytes *aws_document_print(const guint8 boot_pcr_digest[32]);
gboolean aws_document_parse(GBytes *bytes, guint8 boot_pcr_digest[32], GError **error);
