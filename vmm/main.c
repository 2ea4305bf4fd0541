/* dstack-vmm: makes confidential VMs of docker-compose apps, and looks after them. */
#include "vmm/adopt.h"
#include "vmm/address.h"
#include "vmm/auth.h"
#include "vmm/auto_restart.h"
#include "vmm/browser_guard.h"
#include "vmm/config.h"
#include "vmm/console.h"
#include "vmm/logs.h"
#include "vmm/periodic.h"
#include "vmm/plan.h"
#include "vmm/service.h"
#include "vmm/version.h"
#include "vmm/vm_logs.h"
#include "vmm/vmm.h"

#include "base/error.h"
#include "base/file.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/options.h"
#include "base/version.h"
#include "prpc/server.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_CONNECTIONS 512
#define MAX_GUEST_CONNECTIONS 1024
#define GUEST_WORKERS 4
#define MAX_PAGE_REQUEST (64 * 1024)

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcRouter, prpc_router_free)

static const char help_text[] =
    "Commands:\n"
    "  serve         run the server (the default)\n"
    "  check-config  read the configuration, say whether it is valid, and end\n\n"
    "Configuration is read from /etc/vmm/vmm.toml, ./vmm.toml and the file of --config, later ones winning.\n"
    "Talk to a running server with `dstack --url unix:./vmm.sock list`.";

typedef struct {
  char *config_path;
  gboolean show_version; /* answered before: here for --help */
} Options;

static gboolean parse_options(Options *options, int *argc, char ***argv, GError **error) {
  const GOptionEntry entries[] = {
      {"config", 'c', 0, G_OPTION_ARG_FILENAME, &options->config_path, "configuration file", "FILE"},
      {"version", 'V', 0, G_OPTION_ARG_NONE, &options->show_version, "print the version; the long form also its revision", NULL},
      {NULL}};
  g_autoptr(GOptionContext) context = g_option_context_new("[COMMAND] - run confidential virtual machines");
  g_option_context_set_summary(context, help_text);
  g_option_context_add_main_entries(context, entries, NULL);
  return options_parse(context, argc, argv, error);
}

typedef struct {
  const VmmConfig *config;
  VmmAuth *auth;
} Gate;

static gboolean pass_gate(PrpcHttpRequest *request, gpointer user_data) {
  const Gate *gate = user_data;
  return browser_guard_filter(request, gate->config) && vmm_auth_filter(request, gate->auth);
}

static PrpcRouter *management_router(Vmm *vmm, Gate *gate) {
  PrpcRouter *router = prpc_router_new("dstack VMM");
  prpc_router_header(router, "X-App-Version: v" DSTACK_VERSION " (" DSTACK_REVISION ")");
  prpc_router_header(router, "X-Accel-Buffering: no");
  prpc_router_filter(router, pass_gate, gate);
  prpc_router_route(router, "GET", "/", MAX_PAGE_REQUEST, console_route, vmm);
  prpc_router_route(router, "GET", "/logs", MAX_PAGE_REQUEST, logs_route, vmm);
  prpc_router_mount(router, "/prpc", vmm_service_new(vmm));
  prpc_router_mount(router, "/guest", guest_proxy_new(vmm));
  return router;
}

static gboolean listen_for_guests(Vmm *vmm, GError **error) {
  if (vmm_uses_user_vsock(vmm->config))
    return TRUE; /* each VM has a listener of its own */
  g_autofree char *address = g_strdup_printf("vsock:%u:%u", vmm->config->host_api_cid, vmm->config->host_api_port);
  PrpcListenOptions options = {.max_per_vsock_peer = MAX_CONNECTIONS_OF_A_GUEST};
  return prpc_server_listen(vmm->guests, address, vmm->host_api, &options, error) != 0;
}

static void warn_of_open_access(const VmmConfig *config) {
  if (config->auth || g_str_has_prefix(config->address, "unix:"))
    return;
  if (!listen_address_is_local(config->address))
    log_warn("THE MANAGEMENT API ON %s IS OPEN TO EVERYBODY: set auth.enabled, or listen on loopback", config->address);
  else if (config->network == NETWORK_USER && !config->user_restrict)
    log_warn("THE MANAGEMENT API ON %s IS OPEN TO EVERY GUEST: user networking lets guests reach this host's loopback (at "
             "10.0.2.2 by default); set auth.enabled, or address = \"unix:PATH\"",
             config->address);
}

static gboolean listen_for_management(PrpcServer *server, const VmmConfig *config, PrpcRouter *router, GError **error) {
  warn_of_open_access(config);
  if (!config->reuse && g_str_has_prefix(config->address, "unix:") &&
      g_file_test(config->address + strlen("unix:"), G_FILE_TEST_EXISTS)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s exists already", config->address);
    return FALSE;
  }
  return prpc_server_listen(server, config->address, router, NULL, error) != 0;
}

static gboolean serve_with(Vmm *vmm, PrpcServer *server, PrpcRouter *management, GError **error) {
  /* Ours first: a second VMM on the same socket must end before it touches any VM. */
  if (!listen_for_management(server, vmm->config, management, error) || !listen_for_guests(vmm, error) ||
      !vmm_adopt_all(vmm, error))
    return FALSE;
  Periodic *restart = periodic_start("auto-restart", vmm->config->restart_interval, auto_restart_look_after, vmm);
  Periodic *logs = periodic_start("log-rotation", vmm->config->log_check_interval, vm_logs_look_after, vmm);
  footprint_shed_startup();
  prpc_server_start(vmm->guests);
  prpc_server_run(server);
  periodic_stop(restart);
  periodic_stop(logs);
  return TRUE;
}

static gboolean serve(const VmmConfig *config, GError **error) {
  g_autoptr(VmmAuth) auth = vmm_auth_new(config, error);
  if (!auth || !file_make_dirs(config->run_path, 0755, error))
    return FALSE;
  g_autoptr(SupervisorClient) supervisor = supervisor_client_new(config, error);
  g_autoptr(PrpcServer) server = supervisor ? prpc_server_new(config->workers, MAX_CONNECTIONS, error) : NULL;
  g_autoptr(PrpcServer) guests = server ? prpc_server_new(GUEST_WORKERS, MAX_GUEST_CONNECTIONS, error) : NULL;
  if (!guests)
    return FALSE;
  Vmm vmm = {.config = config, .supervisor = supervisor, .guests = guests};
  vmm.accelerator = accelerator_new(config);
  vmm.vms = vm_table_new();
  vmm.cids = cid_pool_new(config->cid_start, config->cid_pool_size);
  g_mutex_init(&vmm.create_lock);
  g_mutex_init(&vmm.strangers_lock);
  Gate gate = {config, auth};
  g_autoptr(PrpcRouter) management = management_router(&vmm, &gate), host_api = prpc_router_new("dstack VMM");
  prpc_router_mount(host_api, "/api", host_api_new(&vmm));
  prpc_router_filter(host_api, host_api_filter, &vmm);
  vmm.host_api = host_api;
  gboolean served = serve_with(&vmm, server, management, error);
  prpc_server_free(g_steal_pointer(&server)); /* no handler may run when what follows goes */
  prpc_server_free(g_steal_pointer(&guests));
  vm_table_free(vmm.vms);
  cid_pool_free(vmm.cids);
  accelerator_free(vmm.accelerator);
  g_mutex_clear(&vmm.create_lock);
  g_mutex_clear(&vmm.strangers_lock);
  return served;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  footprint_limit_arenas();
  log_init("dstack-vmm", LOG_INFO);
  if (version_answer(argc, argv, "dstack-vmm", DSTACK_REVISION))
    return 0;
  Options options = {0};
  g_autoptr(GError) error = NULL;
  if (!parse_options(&options, &argc, &argv, &error)) {
    fprintf(stderr, "error: %s\n", error->message);
    return 2;
  }
  g_autofree char *config_path = options.config_path;
  const char *command = argc > 1 ? argv[1] : "serve";
  gboolean check_only = strcmp(command, "check-config") == 0;
  if (argc > 2 || (!check_only && strcmp(command, "serve") != 0)) {
    fprintf(stderr, strcmp(command, "run") == 0 ? "error: not implemented yet: run\n" : "error: see dstack-vmm --help\n");
    return 2;
  }
  g_autoptr(VmmConfig) config = vmm_config_load(config_path, &error);
  if (config && check_only)
    puts("configuration is valid");
  if (config && (check_only || serve(config, &error)))
    return 0;
  log_error("%s", error->message);
  return 1;
}
