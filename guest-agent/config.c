#include "guest-agent/config.h"

#include "base/error.h"

#define MAX_WORKERS 256
#define MAX_METHOD_BYTES (64 * 1024 * 1024)

const char agent_config_defaults[] = "[default]\n"
                                     "workers = 8\n"
                                     "ident = \"dstack guest agent\"\n"
                                     "[default.core]\n"
                                     "keys_file = \"/dstack/.host-shared/.appkeys.json\"\n"
                                     "compose_file = \"/dstack/.host-shared/app-compose.json\"\n"
                                     "sys_config_file = \"/dstack/.host-shared/.sys-config.json\"\n"
                                     "data_disks = [\"/\"]\n"
                                     "[internal-v0]\n"
                                     "address = \"unix:/var/run/tappd.sock\"\n"
                                     "[internal]\n"
                                     "address = \"unix:/var/run/dstack.sock\"\n"
                                     "[external]\n"
                                     "address = \"0.0.0.0\"\n"
                                     "port = 8090\n"
                                     "[guest-api]\n"
                                     "address = \"vsock:0xffffffff\"\n"
                                     "port = 8000\n";

/* Keys of the reference that mean nothing here: known, so that a reference configuration gives no warnings. */
static const char *const accepted[] = {
    "default.max_blocking",  "default.temp_dir",  "default.keep_alive", "default.log_level",
    "default.core.pccs_url", "internal-v0.reuse", "internal.reuse",
};

void agent_config_free(AgentConfig *config) {
  if (!config)
    return;
  g_free(config->ident);
  g_free(config->keys_file);
  g_free(config->compose_file);
  g_free(config->sys_config_file);
  g_strfreev(config->data_disks);
  g_free(config->internal_v0_address);
  g_free(config->internal_address);
  g_free(config->external_address);
  g_free(config->guest_api_address);
  for (guint i = 0; i < AGENT_LISTENERS; i++)
    g_clear_pointer(&config->limits[i], g_array_unref);
  g_free(config);
}

static gboolean get_copy(Config *config, const char *key, char **out, GError **error) {
  const char *text;
  if (!config_get_string(config, key, &text, error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

/* "unix:..." stands alone; TCP and vsock addresses get the table's port. */
static gboolean get_address(Config *config, const char *table, char **out, GError **error) {
  g_autofree char *address_key = g_strconcat(table, ".address", NULL);
  g_autofree char *port_key = g_strconcat(table, ".port", NULL);
  const char *address;
  guint64 port;
  if (!config_get_string(config, address_key, &address, error))
    return FALSE;
  if (g_str_has_prefix(address, "unix:")) {
    (void)config_has(config, port_key); /* known, though a unix address has no use for it */
    *out = g_strdup(address);
    return TRUE;
  }
  if (!config_get_uint(config, port_key, G_MAXUINT32, &port, error))
    return FALSE;
  *out = g_strdup_printf("%s:%" G_GUINT64_FORMAT, address, port);
  return TRUE;
}

static void limit_clear(gpointer data) { g_free(((AgentMethodLimit *)data)->method); }

/* The table PROFILE.limits: method = bytes, or text such as "1 MiB". */
static gboolean add_limits(Config *config, const char *profile, GArray *limits, GError **error) {
  g_autofree char *table_key = g_strconcat(profile, ".limits", NULL);
  json_t *table = (json_t *)config_get_json(config, table_key); /* jansson's iteration knows no const */
  const char *method;
  json_t *ignored;
  json_object_foreach(table, method, ignored) {
    g_autofree char *key = g_strconcat(table_key, ".", method, NULL);
    guint64 bytes;
    if (!config_get_size(config, key, &bytes, error))
      return FALSE;
    AgentMethodLimit limit = {g_strdup(method), (gsize)MIN(bytes, MAX_METHOD_BYTES)};
    g_array_append_val(limits, limit);
  }
  return TRUE;
}

static gboolean read_limits(Config *config, AgentConfig *out, GError **error) {
  static const char *const profiles[AGENT_LISTENERS] = {"internal-v0", "internal", "external", "guest-api"};
  for (guint i = 0; i < AGENT_LISTENERS; i++) {
    out->limits[i] = g_array_new(FALSE, FALSE, sizeof(AgentMethodLimit));
    g_array_set_clear_func(out->limits[i], limit_clear);
    if (!add_limits(config, "default", out->limits[i], error) || !add_limits(config, profiles[i], out->limits[i], error))
      return FALSE;
  }
  return TRUE;
}

AgentConfig *agent_config_new(Config *config, GError **error) {
  g_autoptr(AgentConfig) out = g_new0(AgentConfig, 1);
  guint64 workers;
  if (!get_copy(config, "default.ident", &out->ident, error) ||
      !config_get_uint(config, "default.workers", MAX_WORKERS, &workers, error) ||
      !get_copy(config, "default.core.keys_file", &out->keys_file, error) ||
      !get_copy(config, "default.core.compose_file", &out->compose_file, error) ||
      !get_copy(config, "default.core.sys_config_file", &out->sys_config_file, error) ||
      !config_get_strings(config, "default.core.data_disks", &out->data_disks, error) ||
      !get_address(config, "internal-v0", &out->internal_v0_address, error) ||
      !get_address(config, "internal", &out->internal_address, error) ||
      !get_address(config, "external", &out->external_address, error) ||
      !get_address(config, "guest-api", &out->guest_api_address, error) || !read_limits(config, out, error))
    return NULL;
  if (workers == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: default.workers: expected at least 1",
                config_origin(config, "default.workers"));
    return NULL;
  }
  out->workers = (guint)workers;
  for (guint i = 0; i < G_N_ELEMENTS(accepted); i++)
    (void)config_has(config, accepted[i]);
  return g_steal_pointer(&out);
}
