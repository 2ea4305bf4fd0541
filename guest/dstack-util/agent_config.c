#include "agent_config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static gboolean make_link(const char *work_dir, const char *name, const char *target, GError **error) {
  g_autofree char *path = g_build_filename(work_dir, name, NULL);
  if (unlink(path) != 0 && errno != ENOENT) {
    dstack_set_errno(error, errno, "failed to replace %s", path);
    return FALSE;
  }
  if (symlink(target, path) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to link %s", path);
  return FALSE;
}

gboolean agent_config_write(const char *work_dir, const char *mount_point, const char *pccs_url, GError **error) {
  g_autoptr(json_t) root =
      json_pack("{s:{s:{s:s?,s:[s,s]}}}", "default", "core", "pccs_url", pccs_url, "data_disks", "/", mount_point);
  char *text = json_dumps(root, JSON_INDENT(2));
  g_autofree char *copy = g_strdup(text);
  free(text);
  g_autofree char *path = g_build_filename(work_dir, "agent.json", NULL);
  return copy && file_write_atomic(path, copy, strlen(copy), 0644, error) &&
         make_link(work_dir, "app-compose.json", ".host-shared/app-compose.json", error) &&
         make_link(work_dir, "user_config", ".host-shared/.user-config", error);
}
