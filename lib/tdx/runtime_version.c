/* Which digest rule the runtime events of this boot follow: one for all, written once beside the log (spec: attestation
 * C.7). */
#include "base/error.h"
#include "base/file.h"
#include "tdx/runtime_log.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define MAX_SIZE 16

static char *version_path(const TdxPlatform *platform) {
  return g_strconcat(platform->runtime_log_path, ".version", NULL);
}

/* 0: none was chosen. */
static gboolean read_version(const char *path, guint *version, GError **error) {
  *version = 0;
  if (access(path, F_OK) != 0 && errno == ENOENT)
    return TRUE;
  g_autoptr(GBytes) content = file_read_nofollow(path, MAX_SIZE, error);
  if (!content)
    return FALSE;
  gsize len;
  const char *text = g_bytes_get_data(content, &len);
  if (len == 1 && (*text == '1' || *text == '2')) {
    *version = (guint)(*text - '0');
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not a version of runtime events", path);
  return FALSE;
}

gboolean runtime_log_version(const TdxPlatform *platform, guint *version, GError **error) {
  g_autofree char *path = version_path(platform);
  if (!read_version(path, version, error))
    return FALSE;
  *version = MAX(*version, 1);
  return TRUE;
}

gboolean runtime_log_choose_version(const TdxPlatform *platform, TdxEventLog *log, guint version, GError **error) {
  g_autofree char *path = version_path(platform);
  guint chosen;
  if (!read_version(path, &chosen, error))
    return FALSE;
  if (version < 1 || version > 2)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "runtime events have no version %u", version);
  else if (chosen == version)
    return TRUE;
  else if (chosen != 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "runtime events have version %u in this boot", chosen);
  else if (log->len > 0)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "runtime events were emitted already");
  else
    return file_write_atomic(path, version == 2 ? "2" : "1", 1, 0600, error);
  return FALSE;
}
