#include "kms/helpers.h"

#include "kms/protocol.h"

#include "base/error.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

void kms_helpers_free(KmsHelpers *helpers) {
  if (!helpers)
    return;
  g_free(helpers->lanes);
  g_free(helpers);
}

/* Sources of dup2 lie above every target, so that no target overwrites a source. */
#define FIRST_OWN_FD 128

static gboolean open_channel(int ends[2], GError **error) {
  int raw[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, raw) != 0) {
    dstack_set_errno(error, errno, "failed to make a channel");
    return FALSE;
  }
  for (guint i = 0; i < 2; i++) {
    ends[i] = fcntl(raw[i], F_DUPFD_CLOEXEC, FIRST_OWN_FD);
    (void)close(raw[i]); /* its duplicate is used */
  }
  if (ends[0] >= 0 && ends[1] >= 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to make a channel");
  return FALSE;
}

static char *find_program(const char *name, GError **error) {
  g_autofree char *self = g_file_read_link("/proc/self/exe", error);
  if (!self)
    return NULL;
  g_autofree char *dir = g_path_get_dirname(self);
  g_autofree char *beside = g_build_filename(dir, name, NULL);
  g_autofree char *libexec = g_build_filename(dir, "..", "libexec", "dstack", name, NULL);
  if (g_file_test(beside, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer(&beside);
  if (g_file_test(libexec, G_FILE_TEST_IS_EXECUTABLE))
    return g_steal_pointer(&libexec);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "helper program %s is neither in %s nor in %s", name, dir,
              libexec);
  return NULL;
}

/* Of our environment, for a helper's; an empty one counts as unset. */
static char *setting(const char *name) {
  const char *value = g_getenv(name);
  return g_strdup_printf("%s=%s", name, value ? value : "");
}

/* `fds` become the descriptors 3, 4, ... of the child; everything else of ours is closed by exec. */
static gboolean spawn(const char *name, const char *const *arguments, const int *fds, guint n_fds, pid_t *pid,
                      GError **error) {
  g_autofree char *program = find_program(name, error);
  if (!program)
    return FALSE;
  g_autofree char *log_setting = setting("RUST_LOG"), *pccs_setting = setting("PCCS_URL");
  char *env[] = {log_setting, pccs_setting, NULL};
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, program);
  for (; *arguments; arguments++)
    g_ptr_array_add(argv, (gpointer)*arguments);
  g_ptr_array_add(argv, NULL);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  for (guint i = 0; i < n_fds; i++)
    posix_spawn_file_actions_adddup2(&actions, fds[i], STDERR_FILENO + 1 + (int)i);
  int result = posix_spawn(pid, program, &actions, NULL, (char **)argv->pdata, env);
  posix_spawn_file_actions_destroy(&actions);
  if (result == 0)
    return TRUE;
  dstack_set_errno(error, result, "failed to start %s", program);
  return FALSE;
}

static gboolean start_keyholder(const KmsConfig *config, int to_front, int to_verifier, GError **error) {
  const int fds[] = {to_front, to_verifier};
  const char *const arguments[] = {config->cert_dir,
                                   config->keyholder_user,
                                   config->plain_handover ? KMS_PLAIN_HANDOVER : KMS_SEALED_HANDOVER,
                                   config->audit_dir ? config->audit_dir : "",
                                   config->audit_sync ? KMS_AUDIT_SYNC : KMS_AUDIT_BATCH,
                                   NULL};
  pid_t pid;
  return spawn("dstack-kms-keyholder", arguments, fds, G_N_ELEMENTS(fds), &pid, error);
}

static gboolean start_verifier(const char *config_path, int to_keyholder, const int *lane_ends, guint n_lanes,
                               GError **error) {
  g_autofree int *fds = g_new(int, n_lanes + 1);
  g_autofree char *count = g_strdup_printf("%u", n_lanes);
  fds[0] = to_keyholder;
  memcpy(fds + 1, lane_ends, n_lanes * sizeof *lane_ends);
  const char *const arguments[] = {config_path ? config_path : "", count, NULL};
  pid_t pid;
  return spawn("dstack-kms-verifier", arguments, fds, n_lanes + 1, &pid, error);
}

static gboolean open_lanes(KmsHelpers *helpers, int *lane_ends, GError **error) {
  for (guint i = 0; i < helpers->n_lanes; i++) {
    int ends[2];
    if (!open_channel(ends, error))
      return FALSE;
    helpers->lanes[i] = ends[0];
    lane_ends[i] = ends[1];
  }
  return TRUE;
}

/* Descriptors are not closed on failure: the program ends then. */
KmsHelpers *kms_helpers_start(const KmsConfig *config, const char *config_path, GError **error) {
  g_autoptr(KmsHelpers) helpers = g_new0(KmsHelpers, 1);
  helpers->n_lanes = config->workers;
  helpers->lanes = g_new0(int, helpers->n_lanes);
  g_autofree int *lane_ends = g_new0(int, helpers->n_lanes);
  int front[2], direct[2];
  if (!open_channel(front, error) || !open_channel(direct, error) || !open_lanes(helpers, lane_ends, error) ||
      !start_keyholder(config, front[1], direct[0], error) ||
      !start_verifier(config_path, direct[1], lane_ends, helpers->n_lanes, error))
    return NULL;
  helpers->keyholder = front[0];
  /* The helpers' ends are theirs alone, or nobody would notice the other side's end. */
  (void)close(front[1]);
  (void)close(direct[0]);
  (void)close(direct[1]);
  for (guint i = 0; i < helpers->n_lanes; i++)
    (void)close(lane_ends[i]);
  return g_steal_pointer(&helpers);
}

/* The one helper that may end before the KMS does; 0: none. Set before it can have ended. */
static gint handover_pid;

int kms_helpers_start_handover(const KmsConfig *config, GError **error) {
  int ends[2];
  pid_t pid;
  const char *const arguments[] = {config->front_user, NULL};
  if (!open_channel(ends, error) || !spawn("dstack-kms-handover", arguments, &ends[1], 1, &pid, error))
    return -1;
  g_atomic_int_set(&handover_pid, (gint)pid);
  (void)close(ends[1]); /* the helper's own */
  return ends[0];
}

static gpointer wait_for_helper(gpointer data) {
  (void)data;
  int status;
  pid_t pid;
  do
    pid = waitpid(-1, &status, 0);
  while ((pid < 0 && errno == EINTR) || (pid > 0 && pid == g_atomic_int_get(&handover_pid) && status == 0));
  log_error("helper process %d ended (status 0x%x): the kms ends too", (int)pid, status);
  _exit(EXIT_FAILURE);
}

void kms_helpers_watch(void) { g_thread_unref(g_thread_new("helpers", wait_for_helper, NULL)); }
