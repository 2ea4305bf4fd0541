/* kill -9 at every single change that storing new keys makes to the disk: the next start finds all of the new state or
 * none of it. */
#include "kms/keyholder/key_files.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHANGES 400

static void make_certificates(const RootKeys *keys, KmsCertificates *out) {
  g_autoptr(GBytes) nothing = g_bytes_new(NULL, 0);
  CertificateEvidence none = {nothing, nothing};
  out->temp_ca = certificate_temp_ca(keys, NULL);
  out->root_ca = certificate_root_ca(keys, NULL);
  out->rpc = certificate_rpc(keys, out->root_ca, "kms.example.com", &none, NULL);
}

static gboolean is_change(const struct user_regs_struct *registers) {
  switch (registers->orig_rax) {
  case SYS_write:
  case SYS_fsync:
  case SYS_rename:
  case SYS_unlink:
  case SYS_unlinkat:
  case SYS_rmdir:
  case SYS_mkdir:
  case SYS_openat:
  case SYS_fchmod:
    return TRUE;
  default:
    return FALSE;
  }
}

static int store_traced(const char *dir, const RootKeys *keys, const KmsCertificates *certificates) {
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
    return 2;
  (void)raise(SIGSTOP);
  return key_files_store(dir, keys, certificates, "kms.example.com", "{}", NULL) ? 0 : 1;
}

typedef enum { RUN_KILLED, RUN_FINISHED, RUN_NO_TRACE } RunEnd;

/* Lets a child store and kills it when it is about to make change number `fatal`. */
static RunEnd run_until(const char *dir, const RootKeys *keys, const KmsCertificates *certificates, guint fatal) {
  pid_t pid = fork();
  g_assert_cmpint(pid, >=, 0);
  if (pid == 0)
    _exit(store_traced(dir, keys, certificates));
  gboolean entering = FALSE;
  guint changes = 0;
  for (int status; waitpid(pid, &status, 0) == pid;) {
    if (WIFEXITED(status))
      return WEXITSTATUS(status) == 2 ? RUN_NO_TRACE : RUN_FINISHED;
    if (WIFSIGNALED(status))
      return RUN_KILLED;
    struct user_regs_struct registers;
    entering = !entering;
    if (WSTOPSIG(status) == SIGTRAP && ptrace(PTRACE_GETREGS, pid, NULL, &registers) == 0 && !entering &&
        is_change(&registers) && ++changes == fatal)
      (void)kill(pid, SIGKILL);
    else
      (void)ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
  }
  g_assert_not_reached();
}

static void assert_all_or_nothing(const char *dir, gboolean *complete) {
  g_autoptr(GError) error = NULL;
  g_assert_true(key_files_prepare(dir, &error));
  g_auto(KeyFilesState) state = {0};
  g_assert_true(key_files_state(dir, &state, &error));
  g_assert_true(state.complete == state.has_root_keys);
  *complete = state.complete;
  if (!state.complete)
    return;
  g_autoptr(RootKeys) keys = key_files_load(dir, &error);
  g_assert_no_error(error);
  g_auto(KmsCertificates) certificates = {0};
  g_assert_true(key_files_load_ca(dir, keys, &certificates, &error));
  g_assert_cmpstr(state.domain, ==, "kms.example.com");
  g_assert_cmpstr(state.bootstrap_info, ==, "{}");
}

static void test_kill_at_each_change(void) {
  g_autoptr(RootKeys) keys = root_keys_generate();
  g_auto(KmsCertificates) certificates = {0};
  make_certificates(keys, &certificates);
  guint n_nothing = 0, n_everything = 0;
  RunEnd end = RUN_KILLED;
  for (guint fatal = 1; end == RUN_KILLED && fatal < MAX_CHANGES; fatal++) {
    g_autofree char *dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL);
    gboolean complete;
    end = run_until(dir, keys, &certificates, fatal);
    if (end == RUN_NO_TRACE) {
      g_test_skip("no ptrace here");
      g_assert_true(file_remove_tree(dir, NULL));
      return;
    }
    assert_all_or_nothing(dir, &complete);
    *(complete ? &n_everything : &n_nothing) += 1;
    g_assert_true(complete || n_everything == 0); /* no way back after the commit */
    g_assert_true(file_remove_tree(dir, NULL));
  }
  g_assert_cmpint(end, ==, RUN_FINISHED);
  g_test_message("killed %u times before the commit, %u times after it", n_nothing, n_everything - 1);
  g_assert_cmpuint(n_nothing, >, 20);
  g_assert_cmpuint(n_everything, >, 8);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/crash/kill-at-each-change", test_kill_at_each_change);
  return g_test_run();
}
