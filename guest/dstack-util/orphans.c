#include "orphans.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "prpc/client.h"

#include <string.h>

#define PROJECT_LABEL "com.docker.compose.project"
#define SERVICE_LABEL "com.docker.compose.service"
#define ANSWER_MAX_SIZE (8 * 1024 * 1024)
#define CONTAINER_CONFIG_MAX_SIZE (1024 * 1024)
#define MAX_CONTAINERS 4096
#define ID_SIZE 64

gboolean orphan_matches(const OrphanRule *rule, const char *project_label, const char *service_label) {
  return project_label && service_label && g_str_equal(project_label, rule->project) &&
         !g_strv_contains((const char *const *)rule->services, service_label);
}

static gboolean labels_match(const OrphanRule *rule, const json_t *labels) {
  return orphan_matches(rule, json_string_value(json_object_get(labels, PROJECT_LABEL)),
                        json_string_value(json_object_get(labels, SERVICE_LABEL)));
}

/* The id becomes part of a path of the API or of the file system. */
static gboolean id_ok(const char *id) {
  return id && strlen(id) == ID_SIZE && strspn(id, "0123456789abcdef") == ID_SIZE;
}

static gboolean delete_container(PrpcClient *client, const char *id, GError **error) {
  g_autofree char *path = g_strdup_printf("/containers/%s?force=true&v=true", id);
  int status = 0;
  g_autoptr(GBytes) answer = prpc_client_http(client, "DELETE", path, NULL, NULL, 0, ANSWER_MAX_SIZE, &status, error);
  if (!answer)
    return FALSE;
  if (status / 100 == 2 || status == 404)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "docker refused to remove container %s: status %d", id,
              status);
  return FALSE;
}

static json_t *list_containers(PrpcClient *client, GError **error) {
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, "GET", "/containers/json?all=true", NULL, NULL, 0, ANSWER_MAX_SIZE, &status, error);
  if (!answer)
    return NULL;
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  g_autoptr(json_t) list = status == 200 ? json_parse(text, len, "container list", error) : NULL;
  if (json_is_array(list) && json_array_size(list) <= MAX_CONTAINERS)
    return g_steal_pointer(&list);
  if (error && !*error)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "docker gave no container list: status %d", status);
  return NULL;
}

gboolean orphans_remove(const OrphanRule *rule, const char *docker_url, GError **error) {
  g_autoptr(PrpcClient) client = prpc_client_new(docker_url, error);
  g_autoptr(json_t) list = client ? list_containers(client, error) : NULL;
  if (!list)
    return FALSE;
  size_t index;
  json_t *item;
  json_array_foreach(list, index, item) {
    const char *id = json_string_value(json_object_get(item, "Id"));
    if (!id_ok(id) || !labels_match(rule, json_object_get(item, "Labels")))
      continue;
    log_info("%s orphaned container %s", rule->dry_run ? "found" : "removing", id);
    if (!rule->dry_run && !delete_container(client, id, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean is_offline_orphan(const OrphanRule *rule, const char *directory) {
  g_autofree char *path = g_build_filename(directory, "config.v2.json", NULL);
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) root = json_parse_file(path, CONTAINER_CONFIG_MAX_SIZE, &error);
  if (!root)
    log_warn("skipped a container: %s", error->message);
  return labels_match(rule, json_object_get(json_object_get(root, "Config"), "Labels"));
}

gboolean orphans_remove_offline(const OrphanRule *rule, const char *docker_root, GError **error) {
  g_autofree char *containers = g_build_filename(docker_root, "containers", NULL);
  g_autoptr(GDir) entries = g_dir_open(containers, 0, NULL);
  g_autoptr(GPtrArray) orphans = g_ptr_array_new_with_free_func(g_free);
  const char *id;
  while (entries && orphans->len < MAX_CONTAINERS && (id = g_dir_read_name(entries)) != NULL) {
    g_autofree char *directory = g_build_filename(containers, id, NULL);
    if (id_ok(id) && is_offline_orphan(rule, directory))
      g_ptr_array_add(orphans, g_steal_pointer(&directory));
  }
  for (guint i = 0; i < orphans->len; i++) {
    const char *directory = orphans->pdata[i];
    log_info("%s orphaned container %s", rule->dry_run ? "found" : "removing", directory);
    if (!rule->dry_run && !file_remove_tree(directory, error))
      return FALSE;
  }
  return TRUE;
}
