/* Where keys must not be: files for others, logs, environments, command lines, core dumps, memory that has no use for them. */
#include "harness.h"
#include "key_traces.h"

#include "base/file.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define APP 0x61
#define INSTANCE 0x62

static Kms *shared;
static KeyTraces *root_traces, *app_traces;
static char *core_dir; /* where the processes are, and cores would be */

static const char *const process_names[] = {"front", "verifier", "key holder"};
#define N_PROCESSES G_N_ELEMENTS(process_names)
#define KEYHOLDER 2

static void find_processes(pid_t pids[N_PROCESSES]) {
  pids[0] = shared->pid;
  pids[1] = kms_helper(shared, "dstack-kms-verifier");
  pids[KEYHOLDER] = kms_helper(shared, "dstack-kms-keyholder");
}

/* ---- keys to look for, and answers that used them ---- */

static void make_traces(void) {
  guint8 app_id[20], instance_id[20];
  memset(app_id, APP, sizeof app_id);
  memset(instance_id, INSTANCE, sizeof instance_id);
  g_autoptr(RootKeys) keys = key_files_load(shared->cert_dir, NULL);
  g_auto(AppSecrets) secrets = {0};
  g_autoptr(EVP_PKEY) app_ca = app_ca_key_derive(keys, app_id, NULL);
  g_assert_true(app_secrets_derive(keys, app_id, instance_id, &secrets, NULL));
  root_traces = key_traces_new();
  key_traces_add_p256(root_traces, "root ca key", keys->root_ca);
  key_traces_add(root_traces, "root k256 key", keys->k256);
  app_traces = key_traces_new();
  key_traces_add(app_traces, "disk key", secrets.disk);
  key_traces_add(app_traces, "env key", secrets.env);
  key_traces_add(app_traces, "app key", secrets.k256);
  key_traces_add_p256(app_traces, "app ca key", app_ca);
}

static void get_everything(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, APP, INSTANCE, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, &error);
  g_assert_no_error(error);
  g_autoptr(EVP_PKEY) key = p256_generate();
  AppCertSpec spec = {.subject = "app.example.com", .server_auth = TRUE};
  g_auto(GStrv) chain = app_keys_certify(keys, platform, VM_CONFIG, key, &spec, &error);
  g_assert_no_error(error);
  g_autoptr(PrpcClient) client = kms_client(shared, NULL, NULL);
  g_autoptr(PrpcMessage) meta = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
  g_assert_nonnull(meta);
}

static void assert_absent(const KeyTraces *traces, const void *data, gsize len, const char *where) {
  const char *found = key_traces_find(traces, data, len);
  if (found)
    g_error("%s holds the %s", where, found);
}

static void assert_no_key(const void *data, gsize len, const char *where) {
  assert_absent(root_traces, data, len, where);
  assert_absent(app_traces, data, len, where);
}

/* ---- files ---- */

static void assert_mode(const char *path, mode_t mode) {
  struct stat st;
  g_assert_cmpint(lstat(path, &st), ==, 0);
  g_assert_cmpint(st.st_mode & 07777, ==, mode);
  g_assert_cmpuint(st.st_uid, ==, geteuid());
}

static void test_files(void) {
  assert_mode(shared->cert_dir, 0700);
  g_autoptr(GDir) dir = g_dir_open(shared->cert_dir, 0, NULL);
  guint n_keys = 0;
  for (const char *name; (name = g_dir_read_name(dir));)
    if (g_str_has_suffix(name, ".key")) {
      g_autofree char *path = g_build_filename(shared->cert_dir, name, NULL);
      assert_mode(path, 0600);
      n_keys++;
    }
  g_assert_cmpuint(n_keys, ==, 4);
}

static void test_logs(void) {
  g_autofree char *log = kms_log(shared);
  g_assert_nonnull(strstr(log, "keys granted")); /* there is something to be searched */
  assert_no_key(log, strlen(log), "the log");
  g_assert_null(strstr(log, "PRIVATE KEY"));
}

/* ---- processes ---- */

static char *read_proc(pid_t pid, const char *entry, gsize *len) {
  g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, entry);
  char *content = NULL;
  g_assert_true(g_file_get_contents(path, &content, len, NULL));
  return content;
}

static void test_arguments(void) {
  pid_t pids[N_PROCESSES];
  find_processes(pids);
  for (guint i = 0; i < N_PROCESSES; i++) {
    gsize environ_len, cmdline_len;
    g_autofree char *environment = read_proc(pids[i], "environ", &environ_len);
    g_autofree char *cmdline = read_proc(pids[i], "cmdline", &cmdline_len);
    assert_no_key(environment, environ_len, process_names[i]);
    assert_no_key(cmdline, cmdline_len, process_names[i]);
  }
}

static guint64 status_number(pid_t pid, const char *field) {
  gsize len;
  g_autofree char *status = read_proc(pid, "status", &len);
  const char *line = strstr(status, field);
  g_assert_nonnull(line);
  return g_ascii_strtoull(line + strlen(field) + 1, NULL, 10);
}

/* The kernel gives a process's entries to root when it must not be dumped or traced by its own user. */
static void assert_undumpable(pid_t pid) {
  g_autofree char *path = g_strdup_printf("/proc/%d/environ", pid);
  struct stat st;
  g_assert_cmpint(stat(path, &st), ==, 0);
  g_assert_cmpuint(st.st_uid, ==, 0);
  gsize len;
  g_autofree char *limits = read_proc(pid, "limits", &len);
  const char *line = strstr(limits, "Max core file size");
  char soft[32], hard[32];
  g_assert_cmpint(sscanf(line + strlen("Max core file size"), "%31s %31s", soft, hard), ==, 2);
  g_assert_cmpstr(soft, ==, "0");
  g_assert_cmpstr(hard, ==, "0");
}

static void test_protection(void) {
  pid_t pids[N_PROCESSES];
  find_processes(pids);
  const guint64 users[N_PROCESSES] = {65521, 65522, 65523};
  for (guint i = 0; i < N_PROCESSES; i++) {
    assert_undumpable(pids[i]);
    if (geteuid() == 0)
      g_assert_cmpuint(status_number(pids[i], "Uid:"), ==, users[i]);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    g_assert_cmpuint(status_number(pids[i], "Seccomp:"), ==, 2);
#endif
    g_assert_cmpuint(status_number(pids[i], "CapEff:"), ==, 0);
  }
  g_assert_cmpuint(status_number(pids[KEYHOLDER], "VmLck:"), >, 0);
}

/* ---- memory ---- */

static const char *look(const KeyTraces *traces, pid_t pid, MemoryPart part) {
  gboolean readable;
  const char *found = key_traces_find_in_process(traces, pid, part, &readable);
  g_assert_true(readable);
  return found;
}

static gboolean can_not_look(void) {
  gboolean readable = FALSE;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  (void)key_traces_find_in_process(root_traces, shared->pid, MEMORY_ALL, &readable); /* only whether it can */
#endif
  if (!readable)
    g_test_skip("needs root's right to read other processes' memory, and no sanitizer");
  return !readable;
}

/* The last thing the front did was to pass keys on, in both encodings. */
static void get_keys_again(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, APP, INSTANCE, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  guint8 packed[sizeof VM_CONFIG + 16];
  gsize len = kms__get_app_key_request__get_packed_size(&request);
  g_assert_cmpuint(len, <, sizeof packed);
  kms__get_app_key_request__pack(&request, packed);
  int status = 0;
  g_autoptr(GBytes) binary =
      prpc_client_http(client, "POST", "/GetAppKey", NULL, packed, len, 100000, &status, NULL);
  g_assert_cmpint(status, ==, 200);
  const char *found = key_traces_find(app_traces, g_bytes_get_data(binary, NULL), g_bytes_get_size(binary));
  g_assert_cmpstr(found, ==, "disk key as bytes");
  g_autoptr(PrpcMessage) json =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, NULL);
  g_assert_nonnull(json);
}

/* Its own TLS key is there, which shows that the search finds what is there. */
static void test_front_memory(void) {
  if (can_not_look())
    return;
  g_autoptr(RootKeys) keys = key_files_load(shared->cert_dir, NULL);
  g_autoptr(KeyTraces) own = key_traces_new();
  key_traces_add_p256(own, "rpc key", keys->rpc);
  g_assert_nonnull(look(own, shared->pid, MEMORY_ALL));
  get_keys_again();
  g_assert_cmpstr(look(root_traces, shared->pid, MEMORY_ALL), ==, NULL);
  g_assert_cmpstr(look(app_traces, shared->pid, MEMORY_ALL), ==, NULL); /* passed through, and wiped */
}

static void test_verifier_memory(void) {
  if (can_not_look())
    return;
  pid_t pid = kms_helper(shared, "dstack-kms-verifier");
  g_assert_cmpstr(look(root_traces, pid, MEMORY_ALL), ==, NULL);
  g_assert_cmpstr(look(app_traces, pid, MEMORY_ALL), ==, NULL);
}

/* Root keys in locked memory only, and nothing left of what was derived. */
static void test_keyholder_memory(void) {
  if (can_not_look())
    return;
  pid_t pid = kms_helper(shared, "dstack-kms-keyholder");
  g_assert_nonnull(look(root_traces, pid, MEMORY_ALL));
  get_keys_again();
  g_assert_cmpstr(look(root_traces, pid, MEMORY_UNLOCKED), ==, NULL);
  g_assert_cmpstr(look(app_traces, pid, MEMORY_ALL), ==, NULL);
}

/* ---- cores ---- */

static guint count_cores(void) {
  g_autoptr(GDir) dir = g_dir_open(core_dir, 0, NULL);
  guint n = 0;
  for (const char *name; (name = g_dir_read_name(dir)); n++) {
    g_autofree char *path = g_build_filename(core_dir, name, NULL);
    g_assert_cmpint(g_unlink(path), ==, 0);
  }
  return n;
}

/* Whether this machine would write cores there at all. */
static gboolean cores_are_written(void) {
  pid_t pid = fork();
  if (pid == 0)
    abort();
  int status;
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  return count_cores() > 0;
}

static void test_cores(void) {
  if (!cores_are_written()) {
    g_test_skip("this machine writes no cores into the working directory");
    return;
  }
  static const int signals[] = {SIGSEGV, SIGABRT};
  for (guint i = 0; i < N_PROCESSES * G_N_ELEMENTS(signals); i++) {
    pid_t pids[N_PROCESSES];
    find_processes(pids);
    g_assert_cmpint(kill(pids[i % N_PROCESSES], signals[i / N_PROCESSES]), ==, 0);
    (void)kms_wait(shared); /* ends in any case: with a status or by the signal */
    g_assert_cmpuint(count_cores(), ==, 0);
    kms_start(shared);
  }
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  const struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
  (void)setrlimit(RLIMIT_CORE, &unlimited); /* cores_are_written() sees whether it helped */
  core_dir = g_dir_make_tmp("dstack-kms-cores-XXXXXX", NULL);
  g_assert_cmpint(g_chmod(core_dir, 0777), ==, 0);
  g_assert_cmpint(chdir(core_dir), ==, 0);
  shared = kms_new();
  kms_start(shared);
  make_traces();
  get_everything();
  g_test_add_func("/kms/secrets/files", test_files);
  g_test_add_func("/kms/secrets/logs", test_logs);
  g_test_add_func("/kms/secrets/arguments", test_arguments);
  g_test_add_func("/kms/secrets/protection", test_protection);
  g_test_add_func("/kms/secrets/front-memory", test_front_memory);
  g_test_add_func("/kms/secrets/verifier-memory", test_verifier_memory);
  g_test_add_func("/kms/secrets/keyholder-memory", test_keyholder_memory);
  g_test_add_func("/kms/secrets/cores", test_cores);
  int result = g_test_run();
  key_traces_free(root_traces);
  key_traces_free(app_traces);
  kms_free(shared);
  g_assert_true(file_remove_tree(core_dir, NULL));
  g_free(core_dir);
  return result;
}
