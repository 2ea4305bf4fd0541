#include "document.h"

#include "cbor.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

#define ROOTFS_HASH "dstack.rootfs_hash="
#define ROOTFS_HASH_DIGITS 64
#define BASE64_MAX_SIZE (4 * DOCUMENT_MAX_SIZE / 3 + 4)

static gboolean fail(GError **error, DstackErrorCode code, const char *why) {
  g_set_error(error, DSTACK_ERROR, code, "measurement document: %s", why);
  return FALSE;
}

static GBytes *decode_base64(const char *text, GError **error) {
  if (!text || !*text || strlen(text) > BASE64_MAX_SIZE) {
    fail(error, DSTACK_ERROR_INVALID, text && *text ? "too large" : "missing");
    return NULL;
  }
  gsize len;
  guint8 *data = g_base64_decode(text, &len);
  g_autoptr(GBytes) bytes = g_bytes_new_take(data, len);
  g_autofree char *again = g_base64_encode(data, len);
  if (strcmp(again, text) == 0)
    return g_steal_pointer(&bytes);
  fail(error, DSTACK_ERROR_INVALID, "not base64");
  return NULL;
}

gboolean document_decode_pair(const char *checksum_file, const char *measurement, GBytes **checksum_out,
                              GBytes **document_out, GError **error) {
  g_autoptr(GBytes) checksum = decode_base64(checksum_file, error);
  g_autoptr(GBytes) document = checksum ? decode_base64(measurement, error) : NULL;
  if (!document)
    return FALSE;
  *checksum_out = g_steal_pointer(&checksum);
  *document_out = g_steal_pointer(&document);
  return TRUE;
}

static void sha256_hex(GBytes *bytes, char out[65]) {
  guint8 digest[SHA256_SIZE];
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_strlcpy(out, hex, 65);
}

gboolean document_bind(GBytes *checksum_file, GBytes *document, const char *file_name, const guint8 os_image_hash[32],
                       GError **error) {
  gsize len;
  const char *data = g_bytes_get_data(checksum_file, &len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(data, len, digest);
  if (memcmp(digest, os_image_hash, sizeof digest) != 0)
    return fail(error, DSTACK_ERROR_UNVERIFIED, "checksum_file is not that of os_image_hash");
  if (len > OS_IMAGE_MAX_SUMS || !g_utf8_validate(data, (gssize)len, NULL))
    return fail(error, DSTACK_ERROR_INVALID, "checksum_file is no text of a sane size");
  g_autofree char *text = g_strndup(data ? data : "", len);
  g_autoptr(GHashTable) sums = os_image_parse_sums(text, error);
  if (!sums)
    return FALSE;
  const char *listed = g_hash_table_lookup(sums, file_name);
  char actual[65];
  sha256_hex(document, actual);
  if (!listed)
    return fail(error, DSTACK_ERROR_INVALID, "checksum_file does not list it");
  return strcmp(listed, actual) == 0 || fail(error, DSTACK_ERROR_UNVERIFIED, "its hash is not the listed one");
}

gboolean document_check_cmdline(const char *cmdline, GError **error) {
  g_auto(GStrv) words = g_strsplit(cmdline, " ", -1);
  for (char **word = words; *word; word++) {
    const char *hash = *word + strlen(ROOTFS_HASH);
    if (g_str_has_prefix(*word, ROOTFS_HASH) && strlen(hash) == ROOTFS_HASH_DIGITS &&
        strspn(hash, "0123456789abcdefABCDEF") == ROOTFS_HASH_DIGITS)
      return TRUE;
  }
  return fail(error, DSTACK_ERROR_INVALID, "the command line has no " ROOTFS_HASH "<64 hex>");
}

static gboolean parse_hash(GBytes *bytes, const char *name, guint64 version, guint8 out[32], GError **error) {
  Reader reader = reader_init_bytes(bytes);
  guint n = cbor_take_map(&reader, 2);
  gboolean has_hash = FALSE, has_version = version == 0;
  for (guint i = 0; i < n && reader_ok(&reader); i++) {
    g_autofree char *key = cbor_take_text(&reader, 32);
    gboolean *seen = g_strcmp0(key, name) == 0 ? &has_hash : g_strcmp0(key, "version") == 0 ? &has_version : NULL;
    if (!seen || *seen)
      reader_fail(&reader);
    else if (seen == &has_hash)
      cbor_take_fixed(&reader, out, 32);
    else if (cbor_take_uint(&reader, version) != version)
      reader_fail(&reader);
    if (seen)
      *seen = TRUE;
  }
  if (!has_hash || !has_version)
    reader_fail(&reader);
  return reader_finish(&reader, "measurement document", error);
}

GBytes *gcp_document_print(const guint8 uki_authenticode[32]) {
  GByteArray *out = g_byte_array_new();
  cbor_put_map(out, 2);
  cbor_put_text(out, "version"), cbor_put_uint(out, 1);
  cbor_put_text(out, "uki_auth"), cbor_put_bytes(out, uki_authenticode, 32);
  return g_byte_array_free_to_bytes(out);
}

gboolean gcp_document_parse(GBytes *bytes, guint8 uki_authenticode[32], GError **error) {
  return parse_hash(bytes, "uki_auth", 1, uki_authenticode, error);
}

GBytes *aws_document_print(const guint8 boot_pcr_digest[32]) {
  GByteArray *out = g_byte_array_new();
  cbor_put_map(out, 1);
  cbor_put_text(out, "boot_pcr_digest"), cbor_put_bytes(out, boot_pcr_digest, 32);
  return g_byte_array_free_to_bytes(out);
}

gboolean aws_document_parse(GBytes *bytes, guint8 boot_pcr_digest[32], GError **error) {
  return parse_hash(bytes, "boot_pcr_digest", 0, boot_pcr_digest, error);
}
