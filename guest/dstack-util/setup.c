#include "setup.h"

#include "agent_config.h"
#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/log.h"
#include "cvm/boot_events.h"
#include "cvm/host_notify.h"
#include "cvm/host_share.h"
#include "cvm/identity.h"
#include "data_disk.h"
#include "docker_mirror.h"
#include "env_file.h"
#include "gateway_register.h"
#include "kernel_options.h"
#include "key_provision.h"
#include "secure_time.h"
#include "swap.h"
#include "wireguard_apply.h"

#define SHARE_MOUNT_POINT "/tmp/.host-shared"
#define SHARE_WAIT_MS 5000
#define ENCRYPTED_ENV_MAX_SIZE (256 * 1024)
#define DAEMON_JSON "/etc/docker/daemon.json"

/* What the stages hand on to each other. */
typedef struct {
  const SetupOptions *options;
  char *shared_dir; /* the copies */
  AppCompose *compose;
  SysConfig *config;
  InstanceInfo *info;
  const char *filesystem;
  TdxPlatform *platform;
  AppKeys *keys;
} Setup;

static void setup_clear(Setup *setup) {
  g_clear_pointer(&setup->shared_dir, g_free);
  g_clear_pointer(&setup->compose, app_compose_free);
  g_clear_pointer(&setup->config, sys_config_free);
  g_clear_pointer(&setup->info, instance_info_free);
  g_clear_pointer(&setup->platform, tdx_platform_free);
  g_clear_pointer(&setup->keys, app_keys_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Setup, setup_clear)

static void progress(Setup *setup, const char *text) {
  log_info("%s", text);
  host_notify_or_log(setup->config->host_api_url, HOST_EVENT_BOOT_PROGRESS, text);
}

static gboolean copy_shared_files(Setup *setup, GError **error) {
  setup->shared_dir = g_build_filename(setup->options->work_dir, ".host-shared", NULL);
  if (!file_make_dirs(setup->options->work_dir, 0755, error) ||
      !host_share_mount(SHARE_MOUNT_POINT, SHARE_WAIT_MS, error))
    return FALSE;
  gboolean copied = host_share_copy(SHARE_MOUNT_POINT, setup->shared_dir, error);
  /* The host can't change the copies any more, whether or not the mount goes away. */
  g_autoptr(GError) why = NULL;
  if (!host_share_unmount(SHARE_MOUNT_POINT, &why))
    log_warn("%s", why->message);
  return copied;
}

static InstanceInfo *load_stored_info(const char *shared_dir, GError **error) {
  g_autofree char *path = g_build_filename(shared_dir, ".instance_info", NULL);
  g_autoptr(GError) why = NULL;
  g_autoptr(GBytes) content = file_read(path, INSTANCE_INFO_MAX_SIZE, &why);
  if (!content && g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return instance_info_new();
  if (!content) {
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
  }
  gsize len;
  const char *text = g_bytes_get_data(content, &len);
  return len == 0 ? instance_info_new() : instance_info_parse(text, len, error);
}

/* The sys-config first: it says whom to tell when the rest is wrong. */
static gboolean read_shared_files(Setup *setup, GError **error) {
  g_autofree char *config_path = g_build_filename(setup->shared_dir, ".sys-config.json", NULL);
  g_autofree char *compose_path = g_build_filename(setup->shared_dir, "app-compose.json", NULL);
  setup->config = sys_config_load(config_path, error);
  setup->compose = setup->config ? app_compose_load(compose_path, error) : NULL;
  gboolean supported = setup->compose && app_compose_check_supported(setup->compose, error);
  g_autoptr(InstanceInfo) stored = supported ? load_stored_info(setup->shared_dir, error) : NULL;
  g_autoptr(KernelOptions) kernel = stored ? kernel_options_load(error) : NULL;
  if (!kernel)
    return FALSE;
  setup->filesystem = storage_filesystem(setup->compose->storage_fs, kernel, error);
  setup->info = setup->filesystem ? identity_resolve(setup->compose, stored, error) : NULL;
  return setup->info != NULL;
}

static gboolean wait_for_time(Setup *setup, GError **error) {
  return !setup->compose->secure_time || secure_time_wait(error);
}

static gboolean measure_identity(Setup *setup, GError **error) {
  g_autofree char *app_id = hex_encode_bytes(setup->info->app_id);
  g_autofree char *instance_id = hex_encode_bytes(setup->info->instance_id);
  log_info("app id %s, instance id %s", app_id, instance_id);
  setup->platform = tdx_platform_linux(error);
  return setup->platform && boot_events_identity(setup->platform, setup->compose, setup->info, error);
}

static gboolean get_keys(Setup *setup, GError **error) {
  progress(setup, "requesting app keys");
  setup->keys = key_provision(setup->platform, setup->compose, setup->info, setup->config, error);
  return setup->keys != NULL;
}

static gboolean prepare_data_disk(Setup *setup, GError **error) {
  DataDisk disk = {.device = setup->options->device,
                   .mount_point = setup->options->mount_point,
                   .disk_key = setup->keys->disk_crypt_key,
                   .always_format = setup->compose->key_provider == KEY_PROVIDER_NONE,
                   .host_api_url = setup->config->host_api_url};
  if (!boot_events_storage(setup->platform, setup->filesystem, error) || !data_disk_mount(&disk, error) ||
      !swap_enable(setup->options->mount_point, setup->compose->swap_size, error))
    return FALSE;
  g_autofree char *info = instance_info_print(setup->info);
  host_notify_or_log(setup->config->host_api_url, HOST_EVENT_INSTANCE_INFO, info);
  return TRUE;
}

/* The key file appears only now, so that no agent can serve keys of a CVM whose preparation failed. */
static gboolean finish_measured_part(Setup *setup, GError **error) {
  g_autofree char *keys_path = g_build_filename(setup->shared_dir, ".appkeys.json", NULL);
  if (!boot_events_ready(setup->platform, error) || !app_keys_save(setup->keys, keys_path, error))
    return FALSE;
  progress(setup, "data disk ready");
  return TRUE;
}

static gboolean decrypt_env(Setup *setup, GError **error) {
  g_autofree char *path = g_build_filename(setup->shared_dir, ".encrypted-env", NULL);
  g_autoptr(GError) why = NULL;
  g_autoptr(GBytes) envelope = file_read(path, ENCRYPTED_ENV_MAX_SIZE, &why);
  if (!envelope && !g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND)) {
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
  }
  g_autoptr(GTree) env = env_decrypt(setup->keys->env_crypt_key, envelope, setup->compose->allowed_envs, error);
  return env && env_files_write(env, setup->shared_dir, error);
}

static gboolean write_configuration(Setup *setup, GError **error) {
  return agent_config_write(setup->options->work_dir, setup->options->mount_point, setup->config->pccs_url, error);
}

/* A gateway that is down must not keep the app from starting: the host is told, and gateway-refresh tries again. */
static gboolean join_gateway(Setup *setup, GError **error) {
  if (!setup->compose->gateway_enabled)
    return TRUE;
  progress(setup, "setting up dstack-gateway");
  g_autoptr(GError) why = NULL;
  if (gateway_register(setup->keys, setup->config, setup->platform, &why))
    return TRUE;
  g_prefix_error(&why, "failed to register with the gateway: ");
  log_error("%s", why->message);
  host_notify_or_log(setup->config->host_api_url, HOST_EVENT_BOOT_ERROR, why->message);
  return wireguard_expect(error);
}

static gboolean set_up_docker(Setup *setup, GError **error) {
  progress(setup, "setting up docker");
  return !setup->config->docker_registry || docker_mirror_set(DAEMON_JSON, setup->config->docker_registry, error);
}

typedef struct {
  gboolean (*run)(Setup *setup, GError **error);
  const char *failure;
} Stage;

static const Stage stages[] = {
    {copy_shared_files, "failed to copy the host-shared files"},
    {read_shared_files, "failed to read the host-shared files"},
    {wait_for_time, "failed to get secure time"},
    {measure_identity, "failed to measure the app"},
    {get_keys, "failed to get app keys"},
    {prepare_data_disk, "failed to prepare the data disk"},
    {finish_measured_part, "failed to record the end of the boot"},
    {decrypt_env, "failed to decrypt the environment"},
    {write_configuration, "failed to write the configuration"},
    {join_gateway, "failed to set up the gateway"},
    {set_up_docker, "failed to set up docker"},
};

static gboolean run_stage(Setup *setup, const Stage *stage, GError **error) {
  gint64 start = g_get_monotonic_time();
  if (!stage->run(setup, error)) {
    g_prefix_error(error, "%s: ", stage->failure);
    return FALSE;
  }
  log_debug("stage %u took %" G_GINT64_FORMAT " ms", (guint)(stage - stages), (g_get_monotonic_time() - start) / 1000);
  return TRUE;
}

gboolean setup_run(const SetupOptions *options, GError **error) {
  g_auto(Setup) setup = {.options = options};
  for (guint i = 0; i < G_N_ELEMENTS(stages); i++) {
    g_autoptr(GError) why = NULL;
    if (run_stage(&setup, &stages[i], &why))
      continue;
    if (setup.config)
      host_notify_or_log(setup.config->host_api_url, HOST_EVENT_BOOT_ERROR, why->message);
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
  }
  return TRUE;
}
