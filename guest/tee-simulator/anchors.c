#include "guest/tee-simulator/anchors.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *environment(const char *mount_dir) {
  return g_strdup_printf("DCAP_TDX_QUOTE_CONFIGFS_PATH=%s/tsm/report/com.intel.dcap\n"
                         "DCAP_TDX_RTMR_SYSFS_PATH=%s/measurements\n"
                         "DSTACK_CCEL_FILE=%s/ccel\n",
                         mount_dir, mount_dir, mount_dir);
}

static gboolean write_text(const char *directory, const char *name, const char *text, mode_t mode, GError **error) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  return file_write_atomic(path, text, strlen(text), mode, error);
}

static char *anchor_directory(const char *run_dir) { return g_build_filename(run_dir, "attestation", NULL); }

static gboolean publish_anchors(SimulatedPki *pki, const char *run_dir, GError **error) {
  g_autofree char *directory = anchor_directory(run_dir);
  if (!file_make_dirs(directory, 0700, error))
    return FALSE;
  if (chmod(directory, 0700) != 0) {
    dstack_set_errno(error, errno, "failed to protect %s", directory);
    return FALSE;
  }
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, time(NULL), error);
  return collateral && write_text(directory, "root.pem", root, 0600, error) &&
         write_text(directory, "collateral.json", collateral, 0600, error);
}

gboolean tee_anchors_publish(SimulatedPki *pki, const char *mount_dir, const char *run_dir, GError **error) {
  g_autofree char *variables = environment(mount_dir);
  /* tee.env comes last: who finds it finds the rest. */
  return publish_anchors(pki, run_dir, error) && write_text(run_dir, "tee.env", variables, 0644, error);
}

gboolean tee_anchors_withdraw(const char *run_dir, GError **error) {
  g_autofree char *directory = anchor_directory(run_dir), *variables = g_build_filename(run_dir, "tee.env", NULL);
  if (unlink(variables) != 0 && errno != ENOENT) {
    dstack_set_errno(error, errno, "failed to remove %s", variables);
    return FALSE;
  }
  return file_remove_tree(directory, error);
}
