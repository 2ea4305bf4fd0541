/* The files of one VM below run_path (spec: vmm 5). Every write is atomic. */
#pragma once

#include "vmm/app_compose.h"
#include "vmm/instance_info.h"
#include "vmm/manifest.h"

#include <glib.h>

/* What a client gave, as it came. */
typedef struct {
  const char *compose_file;
  const void *encrypted_env; /* may be NULL with length 0 */
  gsize encrypted_env_len;
  const char *user_config; /* "" for none */
} SharedFiles;

/* Makes the directory of a new VM under a name of its own and renames it to <run_path>/<id> when it is complete, so that a kill
 * at any instant leaves either a whole VM or none. It is not started. */
gboolean work_dir_create(const char *run_path, const Manifest *manifest, const SharedFiles *shared, GError **error);
/* Makes work_dir_clean_up() remove it, should we not come to it. One that is gone is no error. */
gboolean work_dir_mark_removing(const char *dir, GError **error);
/* Removes it; should we be killed meanwhile, work_dir_clean_up() goes on. */
gboolean work_dir_remove(const char *dir, GError **error);
/* Removes what an interrupted create or remove left behind. */
void work_dir_clean_up(const char *run_path);

/* Whether the directory is one of a VM, and of one that is not being removed. */
gboolean work_dir_is_of_vm(const char *dir);

char *work_dir_file(const char *dir, const char *name);   /* <dir>/<name> */
char *work_dir_shared(const char *dir, const char *name); /* <dir>/shared/<name> */

Manifest *work_dir_manifest(const char *dir, GError **error);
/* The text of app-compose.json. */
char *work_dir_compose(const char *dir, GError **error);
/* vm-state.json: whether the VM is meant to run. A missing file means no. */
gboolean work_dir_started(const char *dir);
gboolean work_dir_set_started(const char *dir, gboolean started, GError **error);
/* Error NOT_FOUND when the guest reported nothing yet and the deployer gave nothing. */
gboolean work_dir_instance_info(const char *dir, InstanceInfo *out, GError **error);
gboolean work_dir_set_instance_info(const char *dir, const InstanceInfo *info, GError **error);
