#include "sdk/simulator/boot.h"

#include "appkeys/appkeys.h"
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "cvm/boot_events.h"
#include "cvm/identity.h"
#include "cvm/sys_config.h"

#include <string.h>

#define BOOTED_NAME "booted" /* written last: a boot that was cut short is done again from the start */
#define INSTANCE_INFO_NAME "instance_info.json"

static gboolean exists(const char *path) { return g_file_test(path, G_FILE_TEST_EXISTS); }

gboolean boot_needed(const AgentConfig *agent, const SimulatorConfig *config) {
  g_autofree char *booted = g_build_filename(config->state_dir, BOOTED_NAME, NULL);
  return !exists(booted) || (config->kms_url && !exists(agent->keys_file));
}

/* The seed outlives the power, as it does where a VMM keeps it for its guest. */
static char *info_path(const SimulatorConfig *config) {
  return g_strconcat(config->state_dir, ".", INSTANCE_INFO_NAME, NULL);
}

gboolean boot_reset(const SimulatorConfig *config, GError **error) {
  return file_remove_tree(config->state_dir, error);
}

static InstanceInfo *load_info(const SimulatorConfig *config, const char *path, GError **error) {
  if (exists(path)) {
    g_autofree char *text = file_read_text(path, INSTANCE_INFO_MAX_SIZE, error);
    return text ? instance_info_parse(text, strlen(text), error) : NULL;
  }
  InstanceInfo *info = instance_info_new();
  if (config->app_id) {
    g_bytes_unref(info->app_id);
    info->app_id = g_bytes_ref(config->app_id);
  }
  return info;
}

static AppKeys *keys_from_kms(const SimulatorConfig *config, TdxPlatform *platform, const SysConfig *sys_config,
                              GError **error) {
  g_autofree char *root = g_build_filename(config->anchors_dir, "root.pem", NULL);
  g_autofree char *collateral = g_build_filename(config->anchors_dir, "collateral.json", NULL);
  RatlsVerifierOptions options = {.root_ca_path = root, .allow_external_root = TRUE, .collateral_path = collateral};
  g_autoptr(RatlsVerifier) verifier = ratls_verifier_new(&options, error);
  return verifier ? app_keys_from_kms(config->kms_url, platform, sys_config->vm_config, verifier, error) : NULL;
}

static AppKeys *get_keys(const AgentConfig *agent, const SimulatorConfig *config, TdxPlatform *platform,
                         GError **error) {
  if (exists(agent->keys_file))
    return app_keys_load(agent->keys_file, error);
  if (!config->kms_url) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "%s is missing and no kms_url is set", agent->keys_file);
    return NULL;
  }
  g_autoptr(SysConfig) sys_config = sys_config_load(agent->sys_config_file, error);
  return sys_config ? keys_from_kms(config, platform, sys_config, error) : NULL;
}

static gboolean save(const AgentConfig *agent, const SimulatorConfig *config, const InstanceInfo *info,
                     const AppKeys *keys, GError **error) {
  g_autofree char *path = info_path(config);
  g_autofree char *booted = g_build_filename(config->state_dir, BOOTED_NAME, NULL);
  g_autofree char *text = instance_info_print(info);
  return file_write_atomic(path, text, strlen(text), 0600, error) &&
         (exists(agent->keys_file) || app_keys_save(keys, agent->keys_file, error)) &&
         file_write_atomic(booted, "", 0, 0600, error);
}

gboolean boot_run(const AgentConfig *agent, const SimulatorConfig *config, TdxPlatform *platform, GError **error) {
  g_autofree char *path = info_path(config);
  g_autoptr(AppCompose) compose = app_compose_load(agent->compose_file, error);
  g_autoptr(InstanceInfo) stored = compose ? load_info(config, path, error) : NULL;
  g_autoptr(InstanceInfo) info = stored ? identity_resolve(compose, stored, error) : NULL;
  if (!info || !boot_events_identity(platform, compose, info, error))
    return FALSE;
  g_autoptr(AppKeys) keys = get_keys(agent, config, platform, error);
  if (!keys) {
    g_prefix_error(error, "failed to get keys: ");
    return FALSE;
  }
  gboolean fresh = !exists(agent->keys_file);
  log_info("%s", fresh ? "got the app's keys from the kms" : "using the keys in the keys file");
  /* Keys of a file were not made for this machine's measurements: only fresh ones can be held against them. */
  return (!fresh || boot_keys_check(platform, compose, info, keys, error)) && boot_events_keys(platform, keys, error) &&
         boot_events_ready(platform, error) && save(agent, config, info, keys, error);
}
