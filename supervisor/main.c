/* dstack-supervisor: owns the processes of virtual machines, so that they outlive a restart of the VMM. */
#include "supervisor/config.h"
#include "supervisor/service.h"
#include "supervisor/table.h"
#include "supervisor/version.h"

#include "base/error.h"
#include "base/file.h"
#include "base/footprint.h"
#include "base/log.h"
#include "base/version.h"
#include "prpc/server.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256

G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcRouter, prpc_router_free)

static void raise_file_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
    log_warn("failed to raise the limit on open files: %s", g_strerror(errno));
}

static gboolean make_parent(const char *path, GError **error) {
  g_autofree char *parent = g_path_get_dirname(path);
  return file_make_dirs(parent, 0755, error);
}

/* Standard streams are always open afterwards: a pipe must never get one of their numbers. */
static gboolean redirect_streams(const SupervisorConfig *config, GError **error) {
  int null_fd = open("/dev/null", O_RDWR);
  while (null_fd >= 0 && null_fd <= STDERR_FILENO)
    null_fd = dup(null_fd);
  if (config->detach) {
    (void)dup2(null_fd, STDIN_FILENO);
    (void)dup2(null_fd, STDOUT_FILENO);
    (void)dup2(null_fd, STDERR_FILENO);
  }
  if (null_fd >= 0)
    (void)close(null_fd);
  if (!config->log_file)
    return TRUE;
  if (!make_parent(config->log_file, error))
    return FALSE;
  int log_fd = open(config->log_file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log_fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", config->log_file);
    return FALSE;
  }
  (void)dup2(log_fd, STDERR_FILENO);
  (void)close(log_fd);
  return TRUE;
}

static gboolean detach(GError **error) {
  pid_t pid = fork();
  if (pid > 0)
    _exit(0);
  if (pid == 0 && setsid() > 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to detach");
  return FALSE;
}

static gboolean prepare_socket(const SupervisorConfig *config, const char *address, GError **error) {
  if (!g_str_has_prefix(address, "unix:"))
    return TRUE;
  const char *path = address + strlen("unix:");
  if (config->remove_existing_uds && unlink(path) != 0 && errno != ENOENT) {
    dstack_set_errno(error, errno, "failed to remove %s", path);
    return FALSE;
  }
  if (!config->reuse && g_file_test(path, G_FILE_TEST_EXISTS)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "%s exists already (see --remove-existing-uds)", path);
    return FALSE;
  }
  return make_parent(path, error);
}

static gboolean write_pid_file(const SupervisorConfig *config, GError **error) {
  if (!config->pid_file)
    return TRUE;
  g_autofree char *text = g_strdup_printf("%d", getpid());
  return make_parent(config->pid_file, error) && file_write_atomic(config->pid_file, text, strlen(text), 0644, error);
}

static gboolean serve(const SupervisorConfig *config, GError **error) {
  g_autofree char *address = supervisor_config_address(config);
  g_autofree char *store = supervisor_config_store(config);
  if (!prepare_socket(config, address, error))
    return FALSE;
  g_autoptr(PrpcRouter) router = prpc_router_new("Supervisor");
  g_autoptr(PrpcServer) server = prpc_server_new(config->workers, MAX_CONNECTIONS, error);
  if (!server)
    return FALSE;
  SupervisorService service = {.server = server};
  prpc_router_header(router, "X-App-Version: v" DSTACK_VERSION " (" DSTACK_REVISION ")");
  supervisor_service_mount(&service, router);
  /* The socket's lock is ours before the table is read: two supervisors never share one table. */
  if (!prpc_server_listen(server, address, router, NULL, error))
    return FALSE;
  g_autoptr(ProcessTable) table = process_table_new(store, error);
  if (!table || !write_pid_file(config, error))
    return FALSE;
  service.table = table;
  footprint_shed_startup();
  prpc_server_run(server);
  g_autoptr(GError) late = NULL;
  if (!process_table_shutdown(table, &late))
    log_error("%s", late->message);
  prpc_server_free(g_steal_pointer(&server)); /* no handler may run when the table goes */
  return TRUE;
}

int main(int argc, char **argv) {
  setlocale(LC_CTYPE, "");
  footprint_limit_arenas();
  log_init("dstack-supervisor", LOG_ERROR);
  if (version_answer(argc, argv, "supervisor", DSTACK_REVISION))
    return 0;
  g_auto(SupervisorConfig) config = {0};
  g_autoptr(GError) error = NULL;
  if (!supervisor_config_load(&config, &argc, &argv, &error)) {
    g_printerr("error: %s\n", error->message);
    return 2;
  }
  if ((config.detach && !detach(&error)) || !redirect_streams(&config, &error)) {
    log_error("%s", error->message);
    return 1;
  }
  raise_file_limit();
  (void)signal(SIGPIPE, SIG_IGN); /* a child may be killed between fork and exec */
  if (serve(&config, &error))
    return 0;
  log_error("%s", error->message);
  return 1;
}
