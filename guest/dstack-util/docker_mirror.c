#include "docker_mirror.h"

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"

#include <string.h>

#define DAEMON_JSON_MAX_SIZE 65536
#define MAX_URL 1024

static gboolean url_ok(const char *url) {
  for (const char *p = url; *p; p++)
    if (!g_ascii_isgraph(*p)) /* the parser would mend what docker might not */
      return FALSE;
  g_autoptr(GUri) parsed = strlen(url) <= MAX_URL ? g_uri_parse(url, G_URI_FLAGS_NONE, NULL) : NULL;
  if (!parsed || !g_uri_get_host(parsed) || !*g_uri_get_host(parsed) || g_uri_get_userinfo(parsed))
    return FALSE;
  return g_str_equal(g_uri_get_scheme(parsed), "http") || g_str_equal(g_uri_get_scheme(parsed), "https");
}

static json_t *load_or_new(const char *path, GError **error) {
  g_autoptr(GError) why = NULL;
  g_autoptr(json_t) root = json_parse_file(path, DAEMON_JSON_MAX_SIZE, &why);
  if (!root && g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return json_object();
  if (!root) {
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
  }
  return json_require_object(root, path, error) ? g_steal_pointer(&root) : NULL;
}

gboolean docker_mirror_set(const char *path, const char *url, GError **error) {
  if (!url_ok(url)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "docker_registry is no http or https url");
    return FALSE;
  }
  g_autoptr(json_t) root = load_or_new(path, error);
  if (!root)
    return FALSE;
  json_t *mirrors = json_array();
  json_array_append_new(mirrors, json_string(url));
  json_object_set_new(root, "registry-mirrors", mirrors);
  g_autofree char *text = json_print(root);
  g_autofree char *directory = g_path_get_dirname(path);
  return file_make_dirs(directory, 0755, error) && file_write_atomic(path, text, strlen(text), 0644, error);
}
