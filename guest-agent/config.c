#include "guest-agent/config.h"

#include "base/error.h"

#define MAX_WORKERS 256

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
      !get_address(config, "guest-api", &out->guest_api_address, error))
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
