/* dstack-mr inspect-measurement: a measurement document as JSON. */
#include "command.h"
#include "registers.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "measure/document.h"
#include "measure/snp.h"

#include <string.h>

static json_t *inspect_tdx(GBytes *bytes, GError **error) {
  g_autoptr(TdxDocument) document = tdx_document_parse(bytes, error);
  return document ? tdx_document_describe(document, error) : NULL;
}

static json_t *inspect_snp(GBytes *bytes, GError **error) {
  g_autoptr(SnpDocument) document = snp_document_parse(bytes, error);
  return document ? snp_document_describe(document) : NULL;
}

static json_t *inspect_gcp(GBytes *bytes, GError **error) {
  guint8 hash[32];
  if (!gcp_document_parse(bytes, hash, error))
    return NULL;
  g_autofree char *hex = hex_encode(hash, sizeof hash);
  return json_pack("{s:i, s:s}", "version", 1, "uki_auth", hex);
}

static json_t *inspect_aws(GBytes *bytes, GError **error) {
  guint8 hash[32];
  if (!aws_document_parse(bytes, hash, error))
    return NULL;
  g_autofree char *hex = hex_encode(hash, sizeof hash);
  return json_pack("{s:s}", "boot_pcr_digest", hex);
}

static const struct {
  const char *kind;
  json_t *(*inspect)(GBytes *bytes, GError **error);
} kinds[] = {
    {"tdx", inspect_tdx}, {"snp", inspect_snp}, {"sev", inspect_snp}, {"gcp", inspect_gcp}, {"aws", inspect_aws}};

static int inspect(const char *path, guint kind) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) bytes = file_read(path, DOCUMENT_MAX_SIZE, &error);
  g_autoptr(json_t) object = bytes ? kinds[kind].inspect(bytes, &error) : NULL;
  return object ? registers_print_json(object) : command_failed(error);
}

int inspect_command(int argc, char **argv) {
  if (argc != 2 && argc != 3)
    return command_usage("inspect-measurement takes [tdx|snp|gcp|aws] FILE");
  g_autofree char *base = g_path_get_basename(argv[argc - 1]);
  for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
    if (argc == 3 ? strcmp(argv[1], kinds[i].kind) == 0 : strstr(base, kinds[i].kind) != NULL)
      return inspect(argv[argc - 1], i);
  return command_usage("the kind of document must be one of tdx, snp, gcp, aws");
}
