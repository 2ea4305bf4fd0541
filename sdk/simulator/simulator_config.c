#include "sdk/simulator/simulator_config.h"

#include "base/error.h"
#include "base/hex.h"
#include "cvm/instance_info.h"

#define TABLE "default.core.simulator."

const char simulator_config_defaults[] = "[default]\n"
                                         "workers = 8\n"
                                         "ident = \"dstack Simulator\"\n"
                                         "[default.core]\n"
                                         "keys_file = \"appkeys.json\"\n"
                                         "compose_file = \"app-compose.json\"\n"
                                         "sys_config_file = \"sys-config.json\"\n"
                                         "data_disks = [\"/\"]\n"
                                         "[default.core.simulator]\n"
                                         "seed_file = \"seed.hex\"\n"
                                         "state_dir = \"state\"\n"
                                         "anchors_dir = \"anchors\"\n"
                                         "[internal-v0]\n"
                                         "address = \"unix:./tappd.sock\"\n"
                                         "[internal]\n"
                                         "address = \"unix:./dstack.sock\"\n"
                                         "[external]\n"
                                         "address = \"unix:./external.sock\"\n"
                                         "port = 8090\n"
                                         "[guest-api]\n"
                                         "address = \"unix:./guest.sock\"\n"
                                         "port = 8000\n";

/* Keys of the reference's simulator, whose fixtures ours does not need. */
static const char *const accepted[] = {
    TABLE "enabled", TABLE "quote_file", TABLE "event_log_file", TABLE "attestation_file", TABLE "patch_report_data",
};

void simulator_config_free(SimulatorConfig *config) {
  if (!config)
    return;
  g_free(config->seed_file);
  g_free(config->state_dir);
  g_free(config->anchors_dir);
  g_free(config->measurements_file);
  g_free(config->kms_url);
  g_clear_pointer(&config->app_id, g_bytes_unref);
  g_free(config);
}

static gboolean get_text(Config *config, const char *key, gboolean required, char **out, GError **error) {
  const char *text;
  if (!required && !config_has(config, key))
    return TRUE;
  if (!config_get_string(config, key, &text, error))
    return FALSE;
  *out = required || *text ? g_strdup(text) : NULL;
  return TRUE;
}

/* Hex of an app id; missing and empty both mean that there is none. */
static gboolean get_app_id(Config *config, GBytes **out, GError **error) {
  g_autofree char *text = NULL;
  if (!get_text(config, TABLE "app_id", FALSE, &text, error) || !text)
    return !error || !*error;
  guint8 app_id[APP_ID_SIZE];
  if (!hex_decode_fixed(text, app_id, sizeof app_id, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: " TABLE "app_id: expected %d hex digits",
                config_origin(config, TABLE "app_id"), 2 * APP_ID_SIZE);
    return FALSE;
  }
  *out = g_bytes_new(app_id, sizeof app_id);
  return TRUE;
}

SimulatorConfig *simulator_config_new(Config *config, GError **error) {
  g_autoptr(SimulatorConfig) out = g_new0(SimulatorConfig, 1);
  if (!get_text(config, TABLE "seed_file", TRUE, &out->seed_file, error) ||
      !get_text(config, TABLE "state_dir", TRUE, &out->state_dir, error) ||
      !get_text(config, TABLE "anchors_dir", TRUE, &out->anchors_dir, error) ||
      !get_text(config, TABLE "measurements_file", FALSE, &out->measurements_file, error) ||
      !get_text(config, TABLE "kms_url", FALSE, &out->kms_url, error) || !get_app_id(config, &out->app_id, error))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS(accepted); i++)
    (void)config_has(config, accepted[i]);
  return g_steal_pointer(&out);
}
