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

static void prepare_cache(const char *cache_dir, const char *user) {
  g_autofree char *computed = g_build_filename(cache_dir, "computed", NULL);
  g_autoptr(GError) error = NULL;
  if (!file_make_dirs(computed, 0755, &error) || !sandbox_give_to_user(computed, user, &error))
    log_warn("measurements will not be cached: %s", error->message);
}

gboolean state_dir_keep_reachable(KmsConfig *config, GError **error) {
  if (geteuid() != 0 || !*config->verifier_user)
    return TRUE;
  if (config->verify_image) {
    prepare_cache(config->image_cache_dir, config->verifier_user);
    if (!(config->image_cache_dir = through_descriptor(config->image_cache_dir, error)))
      return FALSE;
  }
  return keep_file(&config->root_ca_path, error) && keep_file(&config->collateral_path, error);
}
