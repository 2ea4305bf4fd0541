#include "kms/verifier/state_dir.h"

#include "kms/sandbox.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* The descriptor stays open for the life of the process, and so does the text. */
static const char *through_descriptor(const char *dir, GError **error) {
  int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd >= 0)
    return g_strdup_printf("/proc/self/fd/%d", fd);
  dstack_set_errno(error, errno, "failed to open %s", dir);
  return NULL;
}

static gboolean keep_file(const char **path, GError **error) {
  if (!*path)
    return TRUE;
  g_autofree char *dir = g_path_get_dirname(*path);
  g_autofree char *name = g_path_get_basename(*path);
  const char *through = through_descriptor(dir, error);
  if (!through)
    return FALSE;
  *path = g_build_filename(through, name, NULL);
  return TRUE;
}

static gboolean prepare_cache(const char *dir, const char *user, const char *content) {
  g_autoptr(GError) error = NULL;
  if (file_make_dirs(dir, 0755, &error) && sandbox_give_to_user(dir, user, &error))
    return TRUE;
  log_warn("%s will not be cached: %s", content, error->message);
  return FALSE;
}

/* Needed only where collateral is fetched; without it verification works, but not across a restart without a network.
 */
static gboolean keep_collateral_cache(KmsConfig *config, GError **error) {
  if (config->collateral_path || !config->collateral_cache_dir)
    return TRUE;
  if (!prepare_cache(config->collateral_cache_dir, config->verifier_user, "collateral")) {
    config->collateral_cache_dir = NULL;
    return TRUE;
  }
  config->collateral_cache_dir = through_descriptor(config->collateral_cache_dir, error);
  return config->collateral_cache_dir != NULL;
}

/* Images come into the directory only where they are downloaded. */
static gboolean keep_image_cache(KmsConfig *config, GError **error) {
  g_autofree char *measurements = g_build_filename(config->image_cache_dir, "measurements", NULL);
  g_autofree char *images = g_build_filename(config->image_cache_dir, "images", NULL);
  g_autofree char *downloads = g_build_filename(images, "tmp", NULL);
  prepare_cache(measurements, config->verifier_user, "measurements");
  if (config->image_download_url && prepare_cache(images, config->verifier_user, "images"))
    prepare_cache(downloads, config->verifier_user, "images");
  config->image_cache_dir = through_descriptor(config->image_cache_dir, error);
  return config->image_cache_dir != NULL;
}

gboolean state_dir_keep_reachable(KmsConfig *config, GError **error) {
  if (geteuid() != 0 || !*config->verifier_user)
    return TRUE;
  if (config->verify_image && !keep_image_cache(config, error))
    return FALSE;
  return keep_collateral_cache(config, error) && keep_file(&config->root_ca_path, error) &&
         keep_file(&config->collateral_path, error);
}
