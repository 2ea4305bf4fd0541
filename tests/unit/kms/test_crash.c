/* kill -9 at every single change that the key holder makes to the disk, when it makes keys, takes over those of another KMS, renews
 * certificates, or clears up after having been killed: the next start finds the old state or the new one, whole. */
#include "kms/keyholder/handover.h"
#include "kms/keyholder/key_files.h"
#include "kms/keyholder/keyholder.h"

#include "base/error.h"
#include "base/file.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHANGES 600
#define DOMAIN "kms.example.com"
#define INFO "{\"a\":1}"
#define SOON (100 * 86400) /* seconds; within the year in which CA certificates are renewed */

typedef struct {
  const char *name;
  void (*set_up)(const char *dir);
  gboolean (*run)(const char *dir); /* in the process that is killed */
  gboolean (*is_done)(const char *dir); /* asserts that what is there is whole, and says whether it is the new state */
  guint least_before, least_after; /* kills that must have been possible before and after the new state exists */
} Operation;

static RootKeys *known; /* another KMS's, or those that are there already */

/* ---- the key holder, asked as the front asks it ---- */

static gboolean no_seal(gpointer user_data, GError **error) {
  (void)user_data, (void)error; /* not part of these tests */
  return TRUE;
}

static KeyHolder *open_holder(const char *dir) {
  g_autoptr(KeyHolder) holder = keyholder_new(dir, no_seal, NULL);
  return keyholder_prepare(holder, NULL) ? g_steal_pointer(&holder) : NULL;
}

static WireBuffer *ask(KeyHolder *holder, WireBuffer *request) {
  WireBuffer *answer = keyholder_answer(holder, KEYHOLDER_FROM_FRONT, request);
  wire_buffer_free(request);
  return answer;
}

static gboolean do_it(KeyHolder *holder, WireBuffer *request) {
  g_autoptr(WireBuffer) answer = ask(holder, request);
  return wire_type(answer) == WIRE_OK;
}

static WireBuffer *issue_request(guint8 type) {
  WireBuffer *request = wire_buffer_new(type);
  wire_put_text(request, DOMAIN);
  wire_put_bytes(request, NULL);
  wire_put_bytes(request, NULL);
  wire_put_bytes(request, NULL);
  return request;
}

static WireBuffer *store_request(const char *info) {
  WireBuffer *request = issue_request(KEYHOLDER_STORE);
  wire_put_text(request, info);
  return request;
}

static gboolean bootstrap(const char *dir) {
  g_autoptr(KeyHolder) holder = open_holder(dir);
  return holder && do_it(holder, wire_buffer_new(KEYHOLDER_GENERATE)) && do_it(holder, store_request(INFO));
}

static WireBuffer *adopt_request(KeyHolder *holder) {
  guint8 recipient[KMS_RECIPIENT_SIZE];
  g_autoptr(WireBuffer) answer = ask(holder, wire_buffer_new(KEYHOLDER_RECIPIENT));
  Reader body = wire_body(answer);
  reader_copy(&body, recipient, sizeof recipient);
  g_autoptr(GBytes) sealed = handover_seal(known, recipient, NULL);
  g_autoptr(GBytes) spki = p256_spki(known->root_ca);
  WireBuffer *request = wire_buffer_new(KEYHOLDER_ADOPT);
  wire_put_bytes(request, sealed);
  wire_put_bytes(request, spki);
  return request;
}

static gboolean onboard(const char *dir) {
  g_autoptr(KeyHolder) holder = open_holder(dir);
  return holder && do_it(holder, adopt_request(holder)) && do_it(holder, store_request(""));
}

static gboolean reissue(const char *dir) {
  g_autoptr(KeyHolder) holder = open_holder(dir);
  return holder && do_it(holder, wire_buffer_new(KEYHOLDER_LOAD)) && do_it(holder, issue_request(KEYHOLDER_REISSUE));
}

static gboolean clear_up(const char *dir) { return key_files_prepare(dir, NULL); }

/* ---- states ---- */

static void nothing(const char *dir) { (void)dir; }

static X509 *ending_ca(EVP_PKEY *key, const char *name, int path_len) {
  CertSpec spec = {.organization = "Dstack", .common_name = name, .ca_path_len = path_len};
  spec.not_after = g_get_real_time() / G_USEC_PER_SEC + SOON;
  return cert_build(&spec, key, NULL, key, NULL);
}

static void store_known(const char *dir) {
  const CertificateEvidence none = {NULL, NULL, NULL};
  g_auto(KmsCertificates) old = {.temp_ca = ending_ca(known->temp_ca, "Dstack Client Temp CA", 0),
                                 .root_ca = ending_ca(known->root_ca, "Dstack KMS CA", 1)};
  old.rpc = certificate_rpc(known, old.root_ca, "old.example.com", &none, NULL);
  g_assert_true(key_files_store(dir, known, &old, DOMAIN, INFO, NULL));
}

static void move(const char *dir, const char *from, const char *to, const char *name) {
  g_autofree char *source = g_build_filename(dir, from, name, NULL);
  g_autofree char *target = g_build_filename(dir, to, name, NULL);
  g_assert_cmpint(g_rename(source, target), ==, 0);
}

/* As a kill in the middle of a store leaves it. */
static void half_moved(const char *dir) {
  store_known(dir);
  g_autofree char *committed = g_build_filename(dir, ".commit", NULL);
  g_assert_cmpint(g_mkdir(committed, 0700), ==, 0);
  static const char *const waiting[] = {"root-ca.key", "root-k256.key", "root-ca.crt", "rpc.crt", "rpc-domain", NULL};
  for (const char *const *name = waiting; *name; name++)
    move(dir, ".", ".commit", *name);
}

static RootKeys *load_whole(const char *dir, KeyFilesState *state) {
  g_autoptr(GError) error = NULL;
  g_assert_true(key_files_prepare(dir, &error));
  g_assert_true(key_files_state(dir, state, &error));
  g_assert_true(state->complete == state->has_root_keys);
  if (!state->complete)
    return NULL;
  RootKeys *keys = key_files_load(dir, &error);
  g_assert_no_error(error);
  g_auto(KmsCertificates) certificates = {0};
  g_assert_true(key_files_load_ca(dir, keys, &certificates, &error));
  g_assert_cmpstr(state->domain, ==, DOMAIN);
  return keys;
}

static void assert_known(const RootKeys *keys) {
  g_assert_true(EVP_PKEY_eq(keys->root_ca, known->root_ca) == 1 && EVP_PKEY_eq(keys->temp_ca, known->temp_ca) == 1 &&
                secret_equal(keys->k256, known->k256));
}

static gboolean has_new_keys(const char *dir) {
  g_auto(KeyFilesState) state = {0};
  g_autoptr(RootKeys) keys = load_whole(dir, &state);
  g_assert_true(!keys || strcmp(state.bootstrap_info, INFO) == 0);
  return keys != NULL;
}

static gboolean has_known_keys(const char *dir) {
  g_auto(KeyFilesState) state = {0};
  g_autoptr(RootKeys) keys = load_whole(dir, &state);
  if (keys)
    assert_known(keys);
  return keys != NULL;
}

static X509 *read_certificate(const char *dir, const char *name) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autofree char *pem = file_read_text(path, 1 << 20, NULL);
  g_assert_nonnull(pem);
  X509 *certificate = cert_from_pem(pem, strlen(pem), NULL);
  g_assert_nonnull(certificate);
  return certificate;
}

/* Each certificate is the old one or the new one, and any mixture is good: they are for the same keys. */
static gboolean has_new_certificates(const char *dir) {
  g_assert_true(has_known_keys(dir));
  g_autoptr(X509) root = read_certificate(dir, "root-ca.crt");
  g_autoptr(X509) temp = read_certificate(dir, "tmp-ca.crt");
  g_autoptr(X509) rpc = read_certificate(dir, "rpc.crt");
  g_autoptr(GPtrArray) chain = g_ptr_array_new();
  g_ptr_array_add(chain, rpc);
  g_autoptr(GError) error = NULL;
  certs_verify_chain(chain, root, g_get_real_time() / G_USEC_PER_SEC, &error);
  g_assert_no_error(error);
  gboolean is_new = X509_check_host(rpc, DOMAIN, 0, 0, NULL) == 1;
  g_assert_true(is_new || X509_check_host(rpc, "old.example.com", 0, 0, NULL) == 1);
  return is_new && !certificate_ends_soon(root) && !certificate_ends_soon(temp);
}

/* ---- killing ---- */

static gboolean is_change(const struct user_regs_struct *registers) {
  switch (registers->orig_rax) {
  case SYS_write:
  case SYS_pwrite64:
  case SYS_fsync:
  case SYS_fdatasync:
  case SYS_rename:
  case SYS_renameat:
  case SYS_renameat2:
  case SYS_link:
  case SYS_unlink:
  case SYS_unlinkat:
  case SYS_rmdir:
  case SYS_mkdir:
  case SYS_openat:
  case SYS_ftruncate:
  case SYS_chmod:
  case SYS_fchmod:
    return TRUE;
  default:
    return FALSE;
  }
}

static int run_traced(const Operation *operation, const char *dir) {
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
    return 2;
  (void)raise(SIGSTOP);
  return operation->run(dir) ? 0 : 1;
}

typedef enum { RUN_KILLED, RUN_FINISHED, RUN_NO_TRACE } RunEnd;

/* Lets a child do it and kills it when it is about to make change number `fatal`. */
static RunEnd run_until(const Operation *operation, const char *dir, guint fatal) {
  pid_t pid = fork();
  g_assert_cmpint(pid, >=, 0);
  if (pid == 0)
    _exit(run_traced(operation, dir));
  gboolean entering = FALSE;
  guint changes = 0;
  for (int status; waitpid(pid, &status, 0) == pid;) {
    if (WIFEXITED(status)) {
      g_assert_cmpint(WEXITSTATUS(status), !=, 1);
      return WEXITSTATUS(status) == 2 ? RUN_NO_TRACE : RUN_FINISHED;
    }
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

static RunEnd kill_once(const Operation *operation, guint fatal, guint *n_old, guint *n_new) {
  g_autofree char *dir = g_dir_make_tmp("dstack-kms-XXXXXX", NULL);
  operation->set_up(dir);
  RunEnd end = run_until(operation, dir, fatal);
  if (end != RUN_NO_TRACE) {
    gboolean done = operation->is_done(dir);
    g_assert_true(done || *n_new == 0); /* no way back once the new state exists */
    *(done ? n_new : n_old) += 1;
  }
  g_assert_true(file_remove_tree(dir, NULL));
  return end;
}

static void test_kill_at_each_change(gconstpointer data) {
  const Operation *operation = data;
  guint n_old = 0, n_new = 0;
  RunEnd end = RUN_KILLED;
  for (guint fatal = 1; end == RUN_KILLED && fatal < MAX_CHANGES; fatal++)
    end = kill_once(operation, fatal, &n_old, &n_new);
  if (end == RUN_NO_TRACE) {
    g_test_skip("no ptrace here");
    return;
  }
  g_assert_cmpint(end, ==, RUN_FINISHED);
  g_test_message("killed %u times in the old state, %u times in the new one", n_old, n_new - 1);
  g_assert_cmpuint(n_old, >=, operation->least_before);
  g_assert_cmpuint(n_new, >=, operation->least_after);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  static const Operation operations[] = {
      {"bootstrap", nothing, bootstrap, has_new_keys, 20, 8},
      {"onboard", nothing, onboard, has_known_keys, 20, 8},
      {"reissue", store_known, reissue, has_new_certificates, 15, 1},
      {"clear-up", half_moved, clear_up, has_known_keys, 0, 8},
  };
  if (access("/dev/shm", W_OK) == 0)
    g_setenv("TMPDIR", "/dev/shm", TRUE); /* hundreds of syncs; what counts is which calls were made */
  known = root_keys_generate();
  for (guint i = 0; i < G_N_ELEMENTS(operations); i++) {
    g_autofree char *path = g_strconcat("/kms/crash/", operations[i].name, NULL);
    g_test_add_data_func(path, &operations[i], test_kill_at_each_change);
  }
  int result = g_test_run();
  root_keys_free(known);
  return result;
}
