/* An image directory: metadata.json, sha256sum.txt, digest.txt (spec: measurement 9.1). */
#include "measure.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

enum { MAX_METADATA = 64 * 1024, MAX_NAME = 64, HEX_SHA256 = 64 };

static gboolean refuse(GError **error, DstackErrorCode code, const char *dir, const char *why) {
  g_set_error(error, DSTACK_ERROR, code, "image %s: %s", dir, why);
  return FALSE;
}

gboolean os_image_name_ok(const char *name) {
  gsize len = strlen(name);
  return len > 0 && len <= MAX_NAME && name[0] != '.' &&
         strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

static gboolean take_name(const json_t *metadata, const char *key, char **out, const char *dir, GError **error) {
  const char *name;
  if (!json_get_string_or(metadata, key, NULL, &name, "metadata.json", error))
    return FALSE;
  if (name && !os_image_name_ok(name))
    return refuse(error, DSTACK_ERROR_INVALID, dir, "metadata.json names a file with a path");
  *out = g_strdup(name);
  return TRUE;
}

static gboolean take_text(const json_t *metadata, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(metadata, key, NULL, &text, "metadata.json", error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

static gboolean read_metadata(OsImage *image, GError **error) {
  g_autofree char *path = g_build_filename(image->dir, "metadata.json", NULL);
  g_autoptr(json_t) metadata = json_parse_file(path, MAX_METADATA, error);
  if (!metadata || !json_require_object(metadata, path, error))
    return FALSE;
  if (!take_name(metadata, "kernel", &image->kernel, image->dir, error) ||
      !take_name(metadata, "initrd", &image->initrd, image->dir, error) ||
      !take_name(metadata, "bios", &image->bios, image->dir, error) ||
      !take_name(metadata, "bios-sev", &image->bios_sev, image->dir, error) ||
      !take_name(metadata, "rootfs", &image->rootfs, image->dir, error) ||
      !take_text(metadata, "cmdline", &image->cmdline, error) ||
      !take_text(metadata, "version", &image->version, error) ||
      !take_text(metadata, "ovmf_variant", &image->ovmf_variant, error) ||
      !json_get_bool_or(metadata, "kernel_header_normalized", FALSE, &image->kernel_header_normalized, "metadata.json",
                        error) ||
      !take_text(metadata, "host_share_mode", &image->host_share_mode, error) ||
      !json_get_bool_or(metadata, "is_dev", FALSE, &image->is_dev, "metadata.json", error) ||
      !json_get_bool_or(metadata, "shared_ro", FALSE, &image->shared_ro, "metadata.json", error))
    return FALSE;
  if (!image->kernel || !image->initrd)
    return refuse(error, DSTACK_ERROR_INVALID, image->dir, "metadata.json names no kernel or no initrd");
  return TRUE;
}

static gboolean check_file(const OsImage *image, const char *name, const char *expected, GError **error) {
  g_autofree char *path = g_build_filename(image->dir, name, NULL);
  guint8 digest[SHA256_SIZE];
  if (!digest_sha256_file(path, digest, error))
    return FALSE;
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  if (strcmp(hex, expected) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "image %s: %s does not match sha256sum.txt", image->dir,
              name);
  return FALSE;
}

static gboolean parse_sum(const char *line, GHashTable *sums) {
  g_auto(GStrv) fields = g_strsplit(line, "  ", 2);
  if (g_strv_length(fields) != 2 || strlen(fields[0]) != HEX_SHA256 ||
      strspn(fields[0], "0123456789abcdef") != HEX_SHA256)
    return FALSE;
  const char *name = g_str_has_prefix(fields[1], "./") ? fields[1] + 2 : fields[1];
  return os_image_name_ok(name) && strcmp(name, "sha256sum.txt") != 0 &&
         g_hash_table_insert(sums, g_strdup(name), g_strdup(fields[0]));
}

GHashTable *os_image_parse_sums(const char *text, GError **error) {
  g_autoptr(GHashTable) sums = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    if (*lines[i] == '\0' && !lines[i + 1])
      break;
    if (parse_sum(lines[i], sums))
      continue;
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "sha256sum.txt is malformed at line %u", i + 1);
    return NULL;
  }
  return g_steal_pointer(&sums);
}

static gboolean check_all_files(const OsImage *image, GHashTable *sums, gint64 deadline, GError **error) {
  GHashTableIter iter;
  gpointer name, expected;
  g_hash_table_iter_init(&iter, sums);
  while (g_hash_table_iter_next(&iter, &name, &expected)) {
    if (g_get_monotonic_time() >= deadline)
      return refuse(error, DSTACK_ERROR_TIMEOUT, image->dir, "checking its files takes too long");
    if (!check_file(image, name, expected, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean sums_cover(const OsImage *image, GHashTable *names, GError **error) {
  const char *const needed[] = {"metadata.json", image->kernel, image->initrd, image->bios};
  for (guint i = 0; i < G_N_ELEMENTS(needed); i++)
    if (needed[i] && !g_hash_table_contains(names, needed[i]))
      return refuse(error, DSTACK_ERROR_INVALID, image->dir,
                    "sha256sum.txt leaves out a file that metadata.json names");
  return TRUE;
}

static gboolean read_identity(OsImage *image, gboolean check_files, gint64 deadline, GError **error) {
  g_autofree char *path = g_build_filename(image->dir, "sha256sum.txt", NULL);
  g_autoptr(GError) missing = NULL;
  g_autofree char *text = file_read_text(path, OS_IMAGE_MAX_SUMS, &missing);
  if (!text && g_error_matches(missing, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND) && !check_files)
    return TRUE; /* an image without identity can be booted, not verified */
  if (!text) {
    g_propagate_error(error, g_steal_pointer(&missing));
    return FALSE;
  }
  g_autoptr(GHashTable) sums = os_image_parse_sums(text, error);
  if (!sums) {
    g_prefix_error(error, "image %s: ", image->dir);
    return FALSE;
  }
  if (!sums_cover(image, sums, error) || (check_files && !check_all_files(image, sums, deadline, error)))
    return FALSE;
  digest_sha256(text, strlen(text), image->os_image_hash);
  image->has_os_image_hash = TRUE;
  return TRUE;
}

static gboolean check_digest_file(const OsImage *image, GError **error) {
  g_autofree char *path = g_build_filename(image->dir, "digest.txt", NULL);
  if (!image->has_os_image_hash || !g_file_test(path, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree char *text = file_read_text(path, 256, error);
  if (!text)
    return FALSE;
  g_autofree char *hex = hex_encode(image->os_image_hash, sizeof image->os_image_hash);
  return strcmp(g_strchomp(text), hex) == 0 ||
         refuse(error, DSTACK_ERROR_UNVERIFIED, image->dir, "digest.txt is not the hash of sha256sum.txt");
}

static OsImage *open_image(const char *dir, gboolean check_files, gint64 deadline, GError **error) {
  g_autoptr(OsImage) image = g_new0(OsImage, 1);
  image->dir = g_strdup(dir);
  if (!read_metadata(image, error) || !read_identity(image, check_files, deadline, error) ||
      !check_digest_file(image, error))
    return NULL;
  return g_steal_pointer(&image);
}

OsImage *os_image_open(const char *dir, gboolean check_files, GError **error) {
  return open_image(dir, check_files, G_MAXINT64, error);
}

OsImage *os_image_open_before(const char *dir, gint64 deadline, GError **error) {
  return open_image(dir, TRUE, deadline, error);
}

void os_image_free(OsImage *image) {
  if (!image)
    return;
  char *texts[] = {image->dir,      image->cmdline,      image->kernel, image->initrd,  image->bios,
                   image->bios_sev, image->ovmf_variant, image->rootfs, image->version, image->host_share_mode};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_free(image);
}
