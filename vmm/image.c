#include "vmm/image.h"

#include "vmm/names.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"

#include <string.h>
#include <sys/stat.h>

#define MAX_METADATA_BYTES (256 * 1024)
#define MAX_DIGEST_BYTES 256

void vmm_image_free(VmmImage *image) {
  if (!image)
    return;
  char *strings[] = {image->name, image->dir,     image->kernel,      image->initrd,          image->bios,    image->rootfs,
                     image->hda,  image->cmdline, image->rootfs_hash, image->host_share_mode, image->version, image->digest};
  for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
    g_free(strings[i]);
  g_free(image);
}

char *vmm_image_file(const VmmImage *image, const char *file_name) { return g_build_filename(image->dir, file_name, NULL); }

static gboolean take_text(const json_t *metadata, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(metadata, key, NULL, &text, "metadata", error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

/* Artefacts stay inside the image's directory: a plain name, and no symlink there. */
static gboolean take_file(const json_t *metadata, const char *key, gboolean required, VmmImage *image, char **out,
                          GError **error) {
  if (!take_text(metadata, key, out, error))
    return FALSE;
  if (!*out && !required)
    return TRUE;
  if (!*out || !name_is_plain_file(*out)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "metadata.%s: expected a plain file name", key);
    return FALSE;
  }
  g_autofree char *path = vmm_image_file(image, *out);
  struct stat st;
  if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "file %s is missing", *out);
  return FALSE;
}

static char *version_from_name(const char *name) {
  static const char *const prefixes[] = {"dstack-dev-", "dstack-"};
  for (guint i = 0; i < G_N_ELEMENTS(prefixes); i++)
    if (g_str_has_prefix(name, prefixes[i]))
      return g_strdup(name + strlen(prefixes[i]));
  return g_strdup("");
}

static gboolean take_metadata(VmmImage *image, const json_t *metadata, GError **error) {
  if (!json_require_object(metadata, "metadata", error) || !take_text(metadata, "cmdline", &image->cmdline, error) ||
      !take_file(metadata, "kernel", TRUE, image, &image->kernel, error) ||
      !take_file(metadata, "initrd", TRUE, image, &image->initrd, error) ||
      !take_file(metadata, "hda", FALSE, image, &image->hda, error) ||
      !take_file(metadata, "rootfs", FALSE, image, &image->rootfs, error) ||
      !take_file(metadata, "bios", FALSE, image, &image->bios, error) ||
      !take_text(metadata, "rootfs_hash", &image->rootfs_hash, error) ||
      !take_text(metadata, "host_share_mode", &image->host_share_mode, error) ||
      !take_text(metadata, "version", &image->version, error) ||
      !json_get_bool_or(metadata, "shared_ro", FALSE, &image->shared_ro, "metadata", error) ||
      !json_get_bool_or(metadata, "is_dev", FALSE, &image->is_dev, "metadata", error))
    return FALSE;
  if (!image->version || !*image->version) {
    g_free(image->version);
    image->version = version_from_name(image->name);
  }
  return TRUE;
}

static char *read_digest(const VmmImage *image) {
  g_autofree char *path = vmm_image_file(image, "digest.txt");
  g_autofree char *text = file_read_text(path, MAX_DIGEST_BYTES, NULL);
  if (text)
    g_strstrip(text); /* before its length is taken */
  g_autoptr(GBytes) digest = text ? hex_decode(text, strlen(text), NULL) : NULL;
  return digest ? hex_encode_bytes(digest) : g_strdup("");
}

VmmImage *vmm_image_load(const char *image_path, const char *name, GError **error) {
  if (!name_check_image(name, error))
    return NULL;
  g_autoptr(VmmImage) image = g_new0(VmmImage, 1);
  image->name = g_strdup(name);
  image->dir = g_build_filename(image_path, name, NULL);
  if (!g_file_test(image->dir, G_FILE_TEST_IS_DIR)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "image %s not found", name);
    return NULL;
  }
  g_autofree char *path = vmm_image_file(image, "metadata.json");
  g_autoptr(json_t) metadata = json_parse_file(path, MAX_METADATA_BYTES, error);
  if (!metadata || !take_metadata(image, metadata, error)) {
    g_prefix_error(error, "failed to load image %s: ", name);
    return NULL;
  }
  image->digest = read_digest(image);
  return g_steal_pointer(&image);
}

static gint by_name(gconstpointer a, gconstpointer b) {
  return strcmp((*(const VmmImage *const *)a)->name, (*(const VmmImage *const *)b)->name);
}

GPtrArray *vmm_image_list(const char *image_path, GError **error) {
  g_autoptr(GError) reason = NULL;
  g_autoptr(GDir) dir = g_dir_open(image_path, 0, &reason);
  if (!dir) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_IO, "failed to read the image store %s", image_path);
    return NULL;
  }
  GPtrArray *images = g_ptr_array_new_with_free_func((GDestroyNotify)vmm_image_free);
  const char *name;
  while ((name = g_dir_read_name(dir))) {
    g_autoptr(GError) skipped = NULL;
    VmmImage *image = vmm_image_load(image_path, name, &skipped);
    if (image)
      g_ptr_array_add(images, image);
    else
      log_debug("%s", skipped->message);
  }
  g_ptr_array_sort(images, by_name);
  return images;
}

static json_t *text_or_null(const char *text) { return text ? json_string(text) : json_null(); }

char *vmm_image_description(const VmmImage *image) {
  g_autoptr(json_t) object = json_pack(
      "{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:b, s:s, s:b}", "cmdline", text_or_null(image->cmdline), "kernel", image->kernel,
      "initrd", image->initrd, "hda", text_or_null(image->hda), "rootfs", text_or_null(image->rootfs), "bios",
      text_or_null(image->bios), "rootfs_hash", text_or_null(image->rootfs_hash), "shared_ro", image->shared_ro, "version",
      image->version, "is_dev", image->is_dev);
  return json_print(object);
}

gboolean vmm_image_at_least(const VmmImage *image, guint major, guint minor, guint patch) {
  g_auto(GStrv) parts = g_strsplit(image->version, ".", 4);
  guint64 numbers[3] = {0};
  for (guint i = 0; i < 3; i++)
    if (g_strv_length(parts) <= i || !g_ascii_string_to_unsigned(parts[i], 10, 0, G_MAXUINT16, &numbers[i], NULL)) {
      memset(numbers, 0, sizeof numbers);
      break;
    }
  const guint wanted[3] = {major, minor, patch};
  for (guint i = 0; i < 3; i++)
    if (numbers[i] != wanted[i])
      return numbers[i] > wanted[i];
  return TRUE;
}
