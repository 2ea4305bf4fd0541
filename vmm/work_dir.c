#include "vmm/work_dir.h"

#include "vmm/names.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

#define MANIFEST_FILE "vm-manifest.json"
#define STATE_FILE "vm-state.json"
#define REMOVING_MARK ".removing"
#define CREATING_PREFIX ".creating-"
#define MAX_MANIFEST_BYTES (1024 * 1024)
#define MAX_STATE_BYTES 4096
#define MAX_INSTANCE_INFO_BYTES (10 * 1024)

char *work_dir_file(const char *dir, const char *name) { return g_build_filename(dir, name, NULL); }
char *work_dir_shared(const char *dir, const char *name) { return g_build_filename(dir, "shared", name, NULL); }

/* ---- making and removing ---- */

static gboolean write_shared(const char *dir, const char *name, const void *data, gsize len, GError **error) {
  g_autofree char *path = work_dir_shared(dir, name);
  return len == 0 || file_write_atomic(path, data, len, 0600, error);
}

static gboolean write_json(const char *path, const json_t *value, GError **error) {
  g_autofree char *text = json_print(value);
  return file_write_atomic(path, text, strlen(text), 0600, error);
}

static gboolean fill(const char *dir, const Manifest *manifest, const SharedFiles *shared, GError **error) {
  g_autofree char *manifest_path = work_dir_file(dir, MANIFEST_FILE), *shared_path = work_dir_file(dir, "shared");
  g_autoptr(json_t) object = manifest_to_json(manifest);
  g_autoptr(json_t) instance = json_pack("{s:s}", "app_id", manifest->app_id);
  g_autofree char *instance_text = json_print(instance);
  return file_make_dirs(shared_path, 0700, error) && write_json(manifest_path, object, error) &&
         write_shared(dir, "app-compose.json", shared->compose_file, strlen(shared->compose_file), error) &&
         write_shared(dir, ".encrypted-env", shared->encrypted_env, shared->encrypted_env_len, error) &&
         write_shared(dir, ".user-config", shared->user_config, strlen(shared->user_config), error) &&
         write_shared(dir, ".instance_info", instance_text, strlen(instance_text), error) &&
         work_dir_set_started(dir, FALSE, error);
}

gboolean work_dir_create(const char *run_path, const Manifest *manifest, const SharedFiles *shared, GError **error) {
  g_autofree char *temp_name = g_strconcat(CREATING_PREFIX, manifest->id, NULL);
  g_autofree char *temp = work_dir_file(run_path, temp_name), *dir = work_dir_file(run_path, manifest->id);
  if (!file_make_dirs(run_path, 0755, error) || !file_make_dirs(temp, 0700, error))
    return FALSE;
  if (fill(temp, manifest, shared, error) && file_rename_durable(temp, dir, error))
    return TRUE;
  (void)file_remove_tree(temp, NULL); /* the first error is the one to tell */
  return FALSE;
}

gboolean work_dir_mark_removing(const char *dir, GError **error) {
  g_autofree char *mark = work_dir_file(dir, REMOVING_MARK);
  return !g_file_test(dir, G_FILE_TEST_EXISTS) || file_write_atomic(mark, "", 0, 0600, error);
}

gboolean work_dir_remove(const char *dir, GError **error) {
  return work_dir_mark_removing(dir, error) && file_remove_tree(dir, error);
}

gboolean work_dir_is_of_vm(const char *dir) {
  g_autofree char *mark = work_dir_file(dir, REMOVING_MARK), *manifest = work_dir_file(dir, MANIFEST_FILE);
  return g_file_test(manifest, G_FILE_TEST_EXISTS) && !g_file_test(mark, G_FILE_TEST_EXISTS);
}

static gboolean is_left_over(const char *dir, const char *name) {
  g_autofree char *mark = work_dir_file(dir, REMOVING_MARK);
  return g_str_has_prefix(name, CREATING_PREFIX) || (name_check_vm_id(name, NULL) && g_file_test(mark, G_FILE_TEST_EXISTS));
}

void work_dir_clean_up(const char *run_path) {
  g_autoptr(GDir) entries = g_dir_open(run_path, 0, NULL);
  const char *name;
  while (entries && (name = g_dir_read_name(entries))) {
    g_autoptr(GError) error = NULL;
    g_autofree char *dir = work_dir_file(run_path, name);
    if (!is_left_over(dir, name))
      continue;
    if (file_remove_tree(dir, &error))
      log_info("removed %s, which an interrupted call left behind", dir);
    else
      log_warn("%s", error->message);
  }
}

/* ---- reading and changing ---- */

Manifest *work_dir_manifest(const char *dir, GError **error) {
  g_autofree char *path = work_dir_file(dir, MANIFEST_FILE);
  g_autoptr(json_t) object = json_parse_file(path, MAX_MANIFEST_BYTES, error);
  return object ? manifest_parse(object, error) : NULL;
}

char *work_dir_compose(const char *dir, GError **error) {
  g_autofree char *path = work_dir_shared(dir, "app-compose.json");
  return file_read_text(path, COMPOSE_MAX_SIZE, error);
}

gboolean work_dir_started(const char *dir) {
  g_autofree char *path = work_dir_file(dir, STATE_FILE);
  g_autoptr(json_t) state = json_parse_file(path, MAX_STATE_BYTES, NULL);
  return json_is_true(json_object_get(state, "started"));
}

gboolean work_dir_set_started(const char *dir, gboolean started, GError **error) {
  g_autofree char *path = work_dir_file(dir, STATE_FILE);
  g_autoptr(json_t) state = json_pack("{s:b}", "started", started);
  return write_json(path, state, error);
}

gboolean work_dir_instance_info(const char *dir, InstanceInfo *out, GError **error) {
  g_autofree char *path = work_dir_shared(dir, ".instance_info");
  g_autofree char *text = file_read_text(path, MAX_INSTANCE_INFO_BYTES, error);
  *out = (InstanceInfo){0};
  return text && instance_info_parse(text, strlen(text), out, error);
}

gboolean work_dir_set_instance_info(const char *dir, const InstanceInfo *info, GError **error) {
  g_autofree char *path = work_dir_shared(dir, ".instance_info"), *text = instance_info_text(info);
  return file_write_atomic(path, text, strlen(text), 0600, error);
}
