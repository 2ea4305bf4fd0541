/* dstack-tee-simulator: lets a development guest without TDX hardware run the production path, under a root of its own. */
#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/options.h"
#include "cvm/host_share.h"
#include "guest/tee-simulator/anchors.h"
#include "guest/tee-simulator/config.h"
#include "guest/tee-simulator/install.h"
#include "guest/tee-simulator/mount.h"

#include <stdio.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define REAL_DEVICE "/dev/tdx_guest"
#define DEFAULT_RUN_DIR "/run/dstack"
#define SHARE_WAIT_MS 10000

static const char usage[] =
    "usage: dstack-tee-simulator init --output DIR\n"
    "       dstack-tee-simulator [mount] [--config FILE] [--mount DIR] [--run DIR]\n"
    "\n"
    "A software TEE for development: what it attests is worth nothing outside the machines that are told to trust its root.\n"
    "\n"
    "  init    on the host, once: makes a fresh seed and what verifiers need to accept it\n"
    "            --output DIR    gets seed.hex (secret; for cvm.tee_simulator.mock_attestation_seed of vmm.toml),\n"
    "                            root.pem and collateral.json (for root_ca.tdx and collateral_file of the verifiers)\n"
    "  mount   in a development guest: presents the kernel's TDX interfaces and serves until it is stopped; the default\n"
    "            --config FILE   what to present (default: " TEE_CONFIG_NAME " of the disk the host shares)\n"
    "            --mount DIR     where (default: tee in the run directory)\n"
    "            --run DIR       state, tee.env and attestation/ (default: " DEFAULT_RUN_DIR ")\n"
    "\n"
    "It refuses to start where there is a real TDX device. Exit status: 0, 1 on an error, 2 on wrong usage.\n";

typedef struct {
  SimulatedPki *pki;
  const char *mount_dir, *run_dir;
  gboolean published;
} Presentation;

static gboolean refuse_real_device(GError **error) {
  if (access(REAL_DEVICE, F_OK) != 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "there is a real tdx device, " REAL_DEVICE ": nothing to simulate");
  return FALSE;
}

/* The share is let go at once: setup mounts it again and judges what is in it. */
static TeeConfig *load_from_share(const char *run_dir, GError **error) {
  g_autofree char *point = g_build_filename(run_dir, "tee-share", NULL);
  g_autofree char *path = g_build_filename(point, TEE_CONFIG_NAME, NULL);
  if (!host_share_mount(point, SHARE_WAIT_MS, error))
    return NULL;
  g_autoptr(TeeConfig) config = tee_config_load(path, error);
  if (!host_share_unmount(point, config ? error : NULL))
    return NULL;
  (void)rmdir(point); /* an empty directory does no harm */
  return g_steal_pointer(&config);
}

static gboolean on_mounted(gpointer data, GError **error) {
  Presentation *presentation = data;
  presentation->published = TRUE; /* a part of it is withdrawn too */
  if (!tee_anchors_publish(presentation->pki, presentation->mount_dir, presentation->run_dir, error))
    return FALSE;
  log_warn("this guest attests with a simulated tee at %s: for development only", presentation->mount_dir);
  (void)sd_notify(0, "READY=1"); /* not under systemd: nobody to tell */
  return TRUE;
}

static gboolean present(const TeeConfig *config, const char *mount_dir, const char *run_dir, GError **error) {
  g_autofree char *state_dir = g_build_filename(run_dir, "tee-state", NULL);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(config->seed, error);
  TdxPlatform *platform =
      pki ? tdx_platform_simulated(pki, config->mrtd, config->mr_config_id, config->boot_log, state_dir, error) : NULL;
  g_autoptr(TeeDevice) device = platform ? tee_device_new(platform, error) : NULL;
  if (!device)
    return FALSE;
  Presentation presentation = {.pki = pki, .mount_dir = mount_dir, .run_dir = run_dir};
  gboolean served = tee_mount_serve(device, mount_dir, on_mounted, &presentation, error);
  if (presentation.published && !tee_anchors_withdraw(run_dir, served ? error : NULL))
    return FALSE;
  return served;
}

static gboolean run_mount(const char *config_path, const char *mount_dir, const char *run_dir, GError **error) {
  g_autofree char *default_mount = g_build_filename(run_dir, "tee", NULL);
  if (!refuse_real_device(error))
    return FALSE;
  g_autoptr(GError) why = NULL;
  g_autoptr(TeeConfig) config = config_path ? tee_config_load(config_path, &why) : load_from_share(run_dir, &why);
  if (!config && !config_path && g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND)) {
    log_info("the host asks for no simulated tee: %s", why->message);
    return TRUE;
  }
  if (!config) {
    g_propagate_error(error, g_steal_pointer(&why));
    return FALSE;
  }
  return present(config, mount_dir ? mount_dir : default_mount, run_dir, error);
}

typedef struct {
  gboolean help;
  char *output, *config, *mount, *run;
} Options;

static gboolean parse(int *argc, char ***argv, Options *options, GError **error) {
  const GOptionEntry entries[] = {
      {"help", 'h', 0, G_OPTION_ARG_NONE, &options->help, NULL, NULL},
      {"output", 0, 0, G_OPTION_ARG_FILENAME, &options->output, NULL, NULL},
      {"config", 0, 0, G_OPTION_ARG_FILENAME, &options->config, NULL, NULL},
      {"mount", 0, 0, G_OPTION_ARG_FILENAME, &options->mount, NULL, NULL},
      {"run", 0, 0, G_OPTION_ARG_FILENAME, &options->run, NULL, NULL},
      G_OPTION_ENTRY_NULL,
  };
  g_autoptr(GOptionContext) context = g_option_context_new(NULL);
  g_option_context_set_help_enabled(context, FALSE);
  g_option_context_add_main_entries(context, entries, NULL);
  return options_parse(context, argc, argv, error);
}

static int wrong_usage(const char *why) {
  fprintf(stderr, "dstack-tee-simulator: %s\n\n%s", why, usage);
  return 2;
}

static int report(gboolean done, const GError *error) {
  if (!done)
    log_error("%s", error->message);
  return done ? 0 : 1;
}

static int init(const char *output) {
  g_autoptr(GError) error = NULL;
  gboolean done = tee_install(output, &error);
  return report(done, error);
}

static int serve(const Options *options) {
  const char *run_dir = options->run ? options->run : DEFAULT_RUN_DIR;
  if (!g_path_is_absolute(run_dir) || (options->mount && !g_path_is_absolute(options->mount)))
    return wrong_usage("--mount and --run take absolute paths");
  g_autoptr(GError) error = NULL;
  gboolean done = run_mount(options->config, options->mount, run_dir, &error);
  return report(done, error);
}

static int dispatch(int argc, char **argv, const Options *options) {
  const char *verb = argc > 1 ? argv[1] : "mount";
  if (options->help) {
    fputs(usage, stdout);
    return 0;
  }
  if (argc > 2)
    return wrong_usage("too many arguments");
  if (g_str_equal(verb, "init"))
    return options->output ? init(options->output) : wrong_usage("init needs --output DIR");
  return g_str_equal(verb, "mount") ? serve(options) : wrong_usage("unknown command");
}

int main(int argc, char **argv) {
  log_init("dstack-tee-simulator", LOG_INFO);
  secret_protect_process();
  Options options = {0};
  g_autoptr(GError) error = NULL;
  int status = parse(&argc, &argv, &options, &error) ? dispatch(argc, argv, &options) : wrong_usage(error->message);
  g_free(options.output);
  g_free(options.config);
  g_free(options.mount);
  g_free(options.run);
  return status;
}
