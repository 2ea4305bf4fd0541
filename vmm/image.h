/* A guest image in the local store: <image_path>/<name>/metadata.json and the files it names (spec: vmm 9.1). */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef struct {
  char *name; /* of the directory */
  char *dir;
  /* File names inside `dir`, checked to be plain and to be regular files there; NULL when metadata has none. */
  char *kernel, *initrd, *bios, *rootfs, *hda;
  char *cmdline, *rootfs_hash, *host_share_mode; /* NULL when metadata has none */
  char *version;                                 /* never NULL, maybe "" */
  char *digest;                                  /* lower-case hex of digest.txt; "" when absent or no hex */
  gboolean shared_ro, is_dev;
} VmmImage;

/* Errors: INVALID (bad name or metadata), NOT_FOUND "image <name> not found", or the file that is missing. */
VmmImage *vmm_image_load(const char *image_path, const char *name, GError **error);
void vmm_image_free(VmmImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmmImage, vmm_image_free)

/* Every directory of the store that loads, sorted by name. Array of VmmImage, owned. Error when the store can't be read. */
GPtrArray *vmm_image_list(const char *image_path, GError **error);
/* The metadata as compact JSON text, with the reference's keys in its order. */
char *vmm_image_description(const VmmImage *image);

/* TRUE when the image's version is `major.minor.patch` or later; a version that is not three numbers counts as 0.0.0. */
gboolean vmm_image_at_least(const VmmImage *image, guint major, guint minor, guint patch);
/* A new absolute path of one of the image's files. */
char *vmm_image_file(const VmmImage *image, const char *file_name);
