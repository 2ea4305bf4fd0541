/* The commands of image builds: measurement documents made of an image directory or of hashes. */
#include "command.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "measure/document.h"
#include "measure/snp.h"

#include <string.h>

#define HASH_FILE_MAX_SIZE 1024
#define N_BOOT_PCRS 3

static GBytes *make_tdx(const OsImage *image, GError **error) {
  g_autoptr(TdxDocument) document = tdx_document_of_image(image, error);
  return document ? tdx_document_print(document, error) : NULL;
}

static GBytes *make_snp(const OsImage *image, GError **error) {
  g_autoptr(SnpDocument) document = snp_document_of_image(image, error);
  return document ? snp_document_print(document) : NULL;
}

typedef GBytes *(*MakeDocument)(const OsImage *image, GError **error);

static GBytes *make_of_dir(const char *dir, MakeDocument make, GError **error) {
  g_autoptr(OsImage) image = os_image_open(dir, FALSE, error);
  return image ? make(image, error) : NULL;
}

static GBytes *make_gcp(const char *path, GError **error) {
  guint8 hash[32];
  g_autofree char *text = file_read_text(path, HASH_FILE_MAX_SIZE, error);
  if (!text || !hex_decode_fixed(g_strstrip(text), hash, sizeof hash, error))
    return NULL;
  return gcp_document_print(hash);
}

static GBytes *make_aws(char **pcrs, GError **error) {
  guint8 values[N_BOOT_PCRS][48], digest[32];
  for (guint i = 0; i < N_BOOT_PCRS; i++)
    if (!hex_decode_fixed(pcrs[i], values[i], sizeof values[i], error))
      return NULL;
  digest_sha256(values, sizeof values, digest);
  return aws_document_print(digest);
}

static int print_document(GBytes *document, const GError *error, gboolean as_hash) {
  if (!document)
    return command_failed(error);
  gsize len;
  const void *data = g_bytes_get_data(document, &len);
  if (!as_hash)
    return command_write(data, len);
  guint8 digest[32];
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest), *line = g_strconcat(hex, "\n", NULL);
  return command_write(line, strlen(line));
}

static json_t *pair(GBytes *sums, GBytes *document) {
  gsize sums_len, len;
  const guint8 *sums_data = g_bytes_get_data(sums, &sums_len), *data = g_bytes_get_data(document, &len);
  g_autofree char *sums_text = g_base64_encode(sums_data, sums_len), *text = g_base64_encode(data, len);
  return json_pack("{s:s, s:s}", "checksum_file", sums_text, "measurement", text);
}

/* All documents the image lists, each with the checksum file that proves it: {version, tdx?, snp?, gcp?}. */
static int measure_os(const char *dir) {
  static const struct {
    const char *key, *file;
  } known[] = {{"tdx", DOCUMENT_TDX_FILE}, {"snp", DOCUMENT_SNP_FILE}, {"gcp", DOCUMENT_GCP_FILE}};
  g_autoptr(GError) error = NULL;
  g_autoptr(OsImage) image = os_image_open(dir, TRUE, &error);
  g_autofree char *sums_path = g_build_filename(dir, "sha256sum.txt", NULL);
  g_autoptr(GBytes) sums = image ? file_read(sums_path, OS_IMAGE_MAX_SUMS, &error) : NULL;
  if (!sums)
    return command_failed(error);
  g_autoptr(json_t) object = json_pack("{s:i}", "version", 3);
  for (guint i = 0; i < G_N_ELEMENTS(known); i++) {
    g_autofree char *path = g_build_filename(dir, known[i].file, NULL);
    g_autoptr(GBytes) document = file_read(path, DOCUMENT_MAX_SIZE, NULL);
    if (document && document_bind(sums, document, known[i].file, image->os_image_hash, NULL))
      json_object_set_new(object, known[i].key, pair(sums, document));
  }
  if (json_object_size(object) == 1)
    g_set_error(&error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "image %s lists no measurement document", dir);
  if (error)
    return command_failed(error);
  g_autofree char *text = json_print(object), *line = g_strconcat(text, "\n", NULL);
  return command_write(line, strlen(line));
}

int document_command(int argc, char **argv) {
  const char *name = argv[0];
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) document = NULL;
  gboolean as_hash = g_str_has_suffix(name, "-hash");
  gboolean is_aws = g_str_has_prefix(name, "aws-");
  if (argc != (is_aws ? 1 + N_BOOT_PCRS : 2))
    return command_usage(is_aws ? "aws-measurement-cbor takes PCR4 PCR7 PCR12" : "expected one path");
  if (strcmp(name, "measure-os") == 0)
    return measure_os(argv[1]);
  if (is_aws)
    document = make_aws(argv + 1, &error);
  else if (g_str_has_prefix(name, "gcp-"))
    document = make_gcp(argv[1], &error);
  else
    document = make_of_dir(argv[1], g_str_has_prefix(name, "tdx-") ? make_tdx : make_snp, &error);
  return print_document(document, error, as_hash);
}
