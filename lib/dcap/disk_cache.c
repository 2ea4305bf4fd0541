#include "dcap/disk_cache.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "dcap/collateral.h"

#include <glib/gstdio.h>
#include <sys/stat.h>

#define SUFFIX ".json"

static char *path_of(const char *dir, const char *key) {
  g_autofree char *name = g_strconcat(key, SUFFIX, NULL);
  return g_build_filename(dir, name, NULL);
}

GBytes *dcap_disk_cache_load(const char *dir, const char *key, gint64 *stored) {
  g_autofree char *path = path_of(dir, key);
  g_autoptr(GError) error = NULL;
  struct stat info;
  GBytes *content = file_read_nofollow(path, DCAP_COLLATERAL_MAX_SIZE, &error);
  if (!content) {
    if (!g_error_matches(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
      log_warn("cached collateral is ignored: %s", error->message);
    return NULL;
  }
  *stored = lstat(path, &info) == 0 ? (gint64)info.st_mtim.tv_sec : 0;
  return content;
}

typedef struct {
  char *path;
  gint64 stored;
} CacheFile;

static void cache_file_clear(gpointer data) { g_free(((CacheFile *)data)->path); }

static gint oldest_first(gconstpointer a, gconstpointer b) {
  const CacheFile *x = a, *y = b;
  return (x->stored > y->stored) - (x->stored < y->stored);
}

static void prune(const char *dir_path) {
  g_autoptr(GDir) dir = g_dir_open(dir_path, 0, NULL);
  g_autoptr(GArray) files = g_array_new(FALSE, FALSE, sizeof(CacheFile));
  g_array_set_clear_func(files, cache_file_clear);
  const char *name;
  while (dir && (name = g_dir_read_name(dir))) {
    struct stat info;
    g_autofree char *path = g_build_filename(dir_path, name, NULL);
    if (!g_str_has_suffix(name, SUFFIX) || lstat(path, &info) != 0)
      continue;
    const CacheFile file = {g_steal_pointer(&path), info.st_mtim.tv_sec};
    g_array_append_val(files, file);
  }
  g_array_sort(files, oldest_first);
  for (guint i = 0; i + DCAP_DISK_CACHE_MAX_FILES < files->len; i++) {
    const CacheFile *file = &g_array_index(files, CacheFile, i);
    if (g_unlink(file->path) != 0)
      log_warn("failed to remove old collateral %s", file->path);
  }
}

void dcap_disk_cache_store(const char *dir, const char *key, const char *text) {
  g_autofree char *path = path_of(dir, key);
  g_autoptr(GError) error = NULL;
  if (!file_make_dirs(dir, 0755, &error) || !file_write_atomic(path, text, strlen(text), 0644, &error))
    log_warn("failed to keep collateral: %s", error->message);
  prune(dir);
}
