#include "guest-agent/containers.h"

#include "base/error.h"
#include "base/json.h"
#include "guest-agent/docker.h"

#define ANSWER_MAX_SIZE (8 * 1024 * 1024)
#define MAX_CONTAINERS 4096
#define WHAT "container list"
#define HTTP_OK 200

static gboolean parse_container(const json_t *item, GuestApi__Container *out, GError **error) {
  if (!json_require_object(item, WHAT, error))
    return FALSE;
  struct {
    const char *key;
    char **field;
  } texts[] = {{"Id", &out->id},
               {"Image", &out->image},
               {"ImageID", &out->image_id},
               {"State", &out->state},
               {"Status", &out->status}};
  for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
    const char *text;
    if (!json_get_string_or(item, texts[i].key, "", &text, WHAT, error))
      return FALSE;
    prpc_set_string(texts[i].field, text);
  }
  guint64 created;
  if (!json_get_uint_or(item, "Created", 0, G_MAXINT64, &created, WHAT, error))
    return FALSE;
  out->created = (gint64)created;
  out->names = json_get_strings_or_empty(item, "Names", WHAT, error);
  out->n_names = out->names ? g_strv_length(out->names) : 0;
  return out->names != NULL;
}

gboolean containers_parse(const char *json, gsize len, GuestApi__ListContainersResponse *out, GError **error) {
  g_autoptr(json_t) root = json_parse(json, len, WHAT, error);
  if (!root)
    return FALSE;
  if (!json_is_array(root) || json_array_size(root) > MAX_CONTAINERS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ": expected an array of at most %d", MAX_CONTAINERS);
    return FALSE;
  }
  out->containers = g_new0(GuestApi__Container *, json_array_size(root) + 1);
  size_t index;
  json_t *item;
  json_array_foreach(root, index, item) {
    GuestApi__Container *container = (GuestApi__Container *)prpc_message_new(&guest_api__container__descriptor);
    out->containers[out->n_containers++] = container;
    if (!parse_container(item, container, error))
      return FALSE;
  }
  return TRUE;
}

gboolean containers_list(GuestApi__ListContainersResponse *out, GError **error) {
  g_autoptr(PrpcClient) client = docker_client_new(error);
  if (!client)
    return FALSE;
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, "GET", "/containers/json?all=true", NULL, NULL, 0, ANSWER_MAX_SIZE, &status, error);
  if (!answer) {
    g_prefix_error(error, "failed to ask docker: ");
    return FALSE;
  }
  if (status != HTTP_OK) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "docker answered with status %d", status);
    return FALSE;
  }
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  return containers_parse(text, len, out, error);
}
