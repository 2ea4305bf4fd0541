/* A front that an attacker has taken over completely: what he tries, and that the keys stay out of reach. */
#include "attacker.h"
#include "key_traces.h"

#include "base/file.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"
#include "kms/protocol.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define LAST_FD 255
#define SIGNED_QUOTE (48 + 584) /* header and report */
#define EARLIER_APP 0x51 /* had its keys before the front was taken over */
#define PRESENT_APP 0x52 /* asks meanwhile */
#define ABSENT_APP 0x53  /* never comes */

static Kms *shared;
static KeyTraces *root_traces; /* of what no front may ever see */

/* ---- the place ---- */

static void copy_program(const char *from, const char *dir, const char *name) {
  g_autofree char *to = g_build_filename(dir, name, NULL), *content = NULL;
  gsize len;
  g_assert_true(g_file_get_contents(from, &content, &len, NULL) && g_file_set_contents(to, content, (gssize)len, NULL));
  g_assert_cmpint(g_chmod(to, 0755), ==, 0);
}

/* The front looks for its helpers beside itself. Returns the directory of the three. */
static char *use_holed_front(void) {
  g_autofree char *bin = g_dir_make_tmp("dstack-kms-holed-XXXXXX", NULL);
  g_autofree char *program = g_build_filename(bin, "dstack-kms", NULL);
  g_autofree char *built = g_path_get_dirname(g_getenv("KMS_PROGRAM"));
  static const char *const helpers[] = {"dstack-kms-verifier", "dstack-kms-keyholder"};
  for (guint i = 0; i < G_N_ELEMENTS(helpers); i++) {
    g_autofree char *helper = g_build_filename(built, helpers[i], NULL);
    copy_program(helper, bin, helpers[i]);
  }
  copy_program(g_getenv("KMS_HOLED_PROGRAM"), bin, "dstack-kms");
  g_assert_true(g_setenv("KMS_PROGRAM", program, TRUE));
  return g_steal_pointer(&bin);
}

static void add_app(KeyTraces *traces, const RootKeys *keys, guint8 app_byte) {
  guint8 app_id[20], instance_id[20];
  memset(app_id, app_byte, sizeof app_id);
  memset(instance_id, 1, sizeof instance_id);
  g_auto(AppSecrets) secrets = {0};
  g_autoptr(EVP_PKEY) app_ca = app_ca_key_derive(keys, app_id, NULL);
  g_assert_true(app_secrets_derive(keys, app_id, instance_id, &secrets, NULL));
  key_traces_add(traces, "disk key", secrets.disk);
  key_traces_add(traces, "env key", secrets.env);
  key_traces_add(traces, "app key", secrets.k256);
  key_traces_add_p256(traces, "app ca key", app_ca);
}

static KeyTraces *traces_of_roots(Kms *kms) {
  g_autoptr(RootKeys) keys = key_files_load(kms->cert_dir, NULL);
  KeyTraces *traces = key_traces_new();
  key_traces_add_p256(traces, "root ca key", keys->root_ca);
  key_traces_add(traces, "root k256 key", keys->k256);
  add_app(traces, keys, ABSENT_APP);
  return traces;
}

static void assert_no_loot(const Attacker *attacker) {
  const char *found = key_traces_find(root_traces, attacker->loot->data, attacker->loot->len);
  if (found)
    g_error("the hole gave away the %s", found);
}

static gboolean asks(guint8 app_byte) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, app_byte, 1, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, NULL);
  return keys != NULL;
}

static void assert_all_well(Attacker *attacker) {
  g_assert_true(process_alive(shared->pid));
  g_assert_true(asks(EARLIER_APP));
  assert_no_loot(attacker);
}

/* ---- the hole works ---- */

static gint64 call(Attacker *attacker, long number, guint64 a, guint64 b, guint64 c, guint64 d) {
  return attacker_call(attacker, number, (const guint64[6]){a, b, c, d});
}

static void test_hole_works(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  g_assert_cmpint(call(attacker, SYS_getpid, 0, 0, 0, 0), ==, shared->pid);
  guint64 word = attacker_put_text(attacker, "burglar");
  g_autoptr(GBytes) back = attacker_get(attacker, word, 8);
  g_assert_cmpstr(g_bytes_get_data(back, NULL), ==, "burglar");
  g_assert_cmpuint(call(attacker, SYS_geteuid, 0, 0, 0, 0), ==, 65521);
}

/* All that the front can read of itself. Its own TLS key is there, which shows that the search would find one. */
static void test_own_memory(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  g_autoptr(GArray) mappings = process_mappings(shared->pid);
  g_assert_nonnull(mappings);
  attacker_take_memory(attacker, mappings);
  g_autoptr(RootKeys) keys = key_files_load(shared->cert_dir, NULL);
  g_autoptr(KeyTraces) own = key_traces_new();
  key_traces_add_p256(own, "rpc key", keys->rpc);
  g_test_message("%u bytes, with the %s", attacker->loot->len,
                 key_traces_find(own, attacker->loot->data, attacker->loot->len));
  g_assert_nonnull(key_traces_find(own, attacker->loot->data, attacker->loot->len));
  assert_no_loot(attacker);
}

/* ---- what the kernel is asked for ---- */

#define EXPECT(attacker, error, number, ...)                                                                           \
  expect(attacker, error, #number, number, (const guint64[6]){__VA_ARGS__})

static void expect(Attacker *attacker, int error, const char *what, long number, const guint64 arguments[6]) {
  gint64 result = attacker_call(attacker, number, arguments);
  if (result != -error)
    g_error("%s: expected refusal %d, got %" G_GINT64_FORMAT, what, error, result);
}

static void expect_file_refused(Attacker *attacker, const char *path) {
  guint64 name = attacker_put_text(attacker, path), how = attacker_put(attacker, (const guint64[3]){0}, 24);
  EXPECT(attacker, EACCES, SYS_open, name, O_RDONLY);
  EXPECT(attacker, EACCES, SYS_openat, (guint64)AT_FDCWD, name, O_RDONLY);
  EXPECT(attacker, EACCES, SYS_openat, (guint64)AT_FDCWD, name, O_PATH);
  EXPECT(attacker, EACCES, SYS_openat2, (guint64)AT_FDCWD, name, how, 24);
  EXPECT(attacker, EPERM, SYS_name_to_handle_at, (guint64)AT_FDCWD, name, how, how);
  EXPECT(attacker, EPERM, SYS_open_by_handle_at, (guint64)AT_FDCWD, how, O_RDONLY);
  EXPECT(attacker, EPERM, SYS_creat, name, 0600);
  EXPECT(attacker, EPERM, SYS_unlink, name);
  EXPECT(attacker, EPERM, SYS_rename, name, name);
  EXPECT(attacker, EPERM, SYS_link, name, name);
  EXPECT(attacker, EPERM, SYS_chmod, name, 0666);
  EXPECT(attacker, EPERM, SYS_chown, name, 65521, 65521);
  EXPECT(attacker, EPERM, SYS_truncate, name, 0);
}

static void test_files(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  static const char *const names[] = {"root-ca.key", "root-k256.key", "rpc.key"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(shared->cert_dir, names[i], NULL);
    expect_file_refused(attacker, path);
  }
  guint64 dir = attacker_put_text(attacker, shared->cert_dir);
  EXPECT(attacker, EPERM, SYS_chroot, dir);
  EXPECT(attacker, EPERM, SYS_chdir, dir);
  EXPECT(attacker, EPERM, SYS_mount, dir, dir, 0, MS_SYNC);
  EXPECT(attacker, EPERM, SYS_memfd_create, dir, 0);
  assert_all_well(attacker);
}

static void try_proc(Attacker *attacker, pid_t pid) {
  static const char *const entries[] = {"mem", "environ", "maps", "cmdline", "root/etc/passwd", "fd/3", "cwd"};
  for (guint i = 0; i < G_N_ELEMENTS(entries); i++) {
    g_autofree char *path = g_strdup_printf("/proc/%d/%s", pid, entries[i]);
    guint64 name = attacker_put_text(attacker, path);
    EXPECT(attacker, EACCES, SYS_openat, (guint64)AT_FDCWD, name, O_RDWR);
    EXPECT(attacker, EACCES, SYS_openat, (guint64)AT_FDCWD, name, O_RDONLY);
    EXPECT(attacker, EACCES, SYS_readlink, name, name, 1);
  }
}

static void try_look_into(Attacker *attacker, pid_t pid) {
  guint64 other = (guint64)pid, buffer = attacker_put(attacker, "12345678", 8);
  const struct iovec vector = {(void *)(guintptr)buffer, 8};
  guint64 iovec = attacker_put(attacker, &vector, sizeof vector);
  EXPECT(attacker, EPERM, SYS_ptrace, PTRACE_ATTACH, other);
  EXPECT(attacker, EPERM, SYS_ptrace, PTRACE_SEIZE, other);
  EXPECT(attacker, EPERM, SYS_ptrace, PTRACE_PEEKDATA, other, buffer, buffer);
  EXPECT(attacker, EPERM, SYS_process_vm_readv, other, iovec, 1, iovec, 1);
  EXPECT(attacker, EPERM, SYS_process_vm_writev, other, iovec, 1, iovec, 1);
  EXPECT(attacker, EPERM, SYS_pidfd_open, other);
  EXPECT(attacker, EPERM, SYS_pidfd_getfd, 3, 3);
  EXPECT(attacker, EPERM, SYS_kcmp, other, other, 0);
  EXPECT(attacker, EPERM, SYS_perf_event_open, buffer, other, 0);
  EXPECT(attacker, EPERM, SYS_process_madvise, 3, iovec, 1);
}

static void try_disturb(Attacker *attacker, pid_t pid) {
  guint64 other = (guint64)pid, buffer = attacker_put(attacker, (const guint64[16]){48, SCHED_IDLE}, 128);
  EXPECT(attacker, EPERM, SYS_kill, other, SIGKILL);
  EXPECT(attacker, EPERM, SYS_kill, other, SIGSEGV);
  EXPECT(attacker, EPERM, SYS_tkill, other, SIGKILL);
  EXPECT(attacker, EPERM, SYS_tgkill, other, other, SIGABRT);
  EXPECT(attacker, EPERM, SYS_rt_sigqueueinfo, other, SIGKILL, buffer);
  EXPECT(attacker, EPERM, SYS_pidfd_send_signal, 3, SIGKILL);
  EXPECT(attacker, EPERM, SYS_prlimit64, other, 4, 0, buffer);
  EXPECT(attacker, EPERM, SYS_sched_setattr, other, buffer);
}

static void test_other_processes(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  const pid_t pids[] = {kms_helper(shared, "dstack-kms-keyholder"), kms_helper(shared, "dstack-kms-verifier")};
  for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
    try_proc(attacker, pids[i]);
    try_look_into(attacker, pids[i]);
    try_disturb(attacker, pids[i]);
    g_assert_true(process_alive(pids[i]));
  }
  assert_all_well(attacker);
}

static void test_programs(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  guint64 program = attacker_put_text(attacker, "/bin/sh");
  const guint64 list[] = {program, 0};
  guint64 arguments = attacker_put(attacker, list, sizeof list);
  EXPECT(attacker, EPERM, SYS_execve, program, arguments, 0);
  EXPECT(attacker, EPERM, SYS_execveat, (guint64)AT_FDCWD, program, arguments, 0);
  EXPECT(attacker, EPERM, SYS_fork, 0);
  EXPECT(attacker, EPERM, SYS_vfork, 0);
  EXPECT(attacker, EPERM, SYS_clone, SIGCHLD);
  EXPECT(attacker, ENOSYS, SYS_clone3, arguments, 64);
  EXPECT(attacker, EPERM, SYS_mmap, 0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
         (guint64)-1);
  EXPECT(attacker, EPERM, SYS_mprotect, program & ~(guint64)4095, 4096, PROT_READ | PROT_EXEC);
  EXPECT(attacker, EPERM, SYS_pkey_mprotect, program & ~(guint64)4095, 4096, PROT_EXEC, (guint64)-1);
  EXPECT(attacker, EPERM, SYS_shmget, 0, 4096, 0600);
  assert_all_well(attacker);
}

static void test_privileges(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  guint64 buffer = attacker_put(attacker, (const guint64[16]){0}, 128);
  EXPECT(attacker, EPERM, SYS_setuid, 0);
  EXPECT(attacker, EPERM, SYS_setresuid, 0, 0, 0);
  EXPECT(attacker, EPERM, SYS_setresuid, 65523, 65523, 65523);
  EXPECT(attacker, EPERM, SYS_setgroups, 1, buffer);
  EXPECT(attacker, EPERM, SYS_capset, buffer, buffer);
  EXPECT(attacker, EPERM, SYS_prctl, PR_SET_DUMPABLE, 1);
  EXPECT(attacker, EPERM, SYS_prctl, PR_SET_PTRACER, PR_SET_PTRACER_ANY);
  EXPECT(attacker, EPERM, SYS_seccomp, 1, 0, buffer);
  EXPECT(attacker, EPERM, SYS_unshare, CLONE_NEWUSER);
  EXPECT(attacker, EPERM, SYS_setns, 3, 0);
  EXPECT(attacker, EPERM, SYS_bpf, 0, buffer, 128);
  EXPECT(attacker, EPERM, SYS_io_uring_setup, 4, buffer);
  EXPECT(attacker, EPERM, SYS_userfaultfd, 0);
  EXPECT(attacker, EPERM, SYS_keyctl, 0, 0);
  EXPECT(attacker, EPERM, SYS_ioctl, 2, 0x5412 /* TIOCSTI */, buffer);
  assert_all_well(attacker);
}

static void test_network(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  const struct sockaddr_in loopback = {
      .sin_family = AF_INET, .sin_port = htons(shared->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  guint64 address = attacker_put(attacker, &loopback, sizeof loopback);
  static const int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK, AF_ALG};
  for (guint i = 0; i < G_N_ELEMENTS(families); i++)
    EXPECT(attacker, EPERM, SYS_socket, (guint64)families[i], SOCK_STREAM, 0);
  EXPECT(attacker, EPERM, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, address);
  for (guint64 fd = 0; fd < 20; fd++) { /* what it has can't be turned towards anyone else */
    EXPECT(attacker, EPERM, SYS_connect, fd, address, sizeof loopback);
    EXPECT(attacker, EPERM, SYS_bind, fd, address, sizeof loopback);
    EXPECT(attacker, EPERM, SYS_listen, fd, 1);
    EXPECT(attacker, EPERM, SYS_sendto, fd, address, 1, MSG_FASTOPEN, address, sizeof loopback);
  }
  EXPECT(attacker, EPERM, SYS_sendmsg, 3, address, MSG_FASTOPEN);
  EXPECT(attacker, EPERM, SYS_sendmmsg, 3, address, 1, MSG_FASTOPEN);
  assert_all_well(attacker);
}

/* ---- what the other two processes are asked for ---- */

typedef struct {
  int keyholder, verifier; /* the front's ends; -1: none */
  guint n_local;           /* unix sockets in all */
} Channels;

static gboolean refusal_contains(const WireBuffer *answer, const char *text) {
  g_assert_nonnull(answer);
  g_assert_cmpuint(wire_type(answer), ==, WIRE_ERROR);
  Reader body = wire_body(answer);
  (void)reader_u8(&body); /* a code */
  g_autofree char *reason = wire_get_text(&body, 4096);
  return strstr(reason, text) != NULL;
}

static void expect_refusal(Attacker *attacker, int fd, const WireBuffer *request, const char *text) {
  g_autoptr(WireBuffer) answer = attacker_exchange(attacker, fd, request);
  if (!refusal_contains(answer, text))
    g_error("message %u: expected \"%s\"", wire_type(request), text);
}

/* Every local socket that the front has is asked who is at its other end. */
static Channels find_channels(Attacker *attacker) {
  Channels channels = {-1, -1, 0};
  g_autoptr(WireBuffer) nonsense = wire_buffer_new(200);
  guint64 domain = attacker_put(attacker, (const guint32[2]){0, 4}, 8);
  for (int fd = 3; fd <= LAST_FD; fd++) {
    if (attacker_call(attacker, SYS_getsockopt,
                      (guint64[6]){(guint64)fd, SOL_SOCKET, SO_DOMAIN, domain, domain + 4}) != 0)
      continue;
    g_autoptr(GBytes) value = attacker_get(attacker, domain, 4);
    if (*(const guint8 *)g_bytes_get_data(value, NULL) != AF_UNIX)
      continue;
    channels.n_local++;
    g_autoptr(WireBuffer) answer = attacker_exchange(attacker, fd, nonsense);
    *(refusal_contains(answer, "key holder") ? &channels.keyholder : &channels.verifier) = fd;
  }
  return channels;
}

/* One channel to the key holder and a lane to the verifier for each worker: the channel that grants isn't there. */
static void test_channels(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  g_assert_cmpint(channels.keyholder, >=, 0);
  g_assert_cmpint(channels.verifier, >=, 0);
  g_assert_cmpuint(channels.n_local, ==, 1 + 4);
}

static void put_app(WireBuffer *request, guint8 app_byte) {
  guint8 app_id[KMS_APP_ID_SIZE];
  memset(app_id, app_byte, sizeof app_id);
  wire_put_fixed(request, app_id, sizeof app_id);
}

static WireBuffer *grant_request(guint8 app_byte) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_GRANT);
  put_app(request, app_byte);
  wire_put_u8(request, KMS_INSTANCE_ID_SIZE);
  put_app(request, 1);
  return request;
}

static WireBuffer *keys_request(const guint8 grant[KMS_GRANT_SIZE]) {
  WireBuffer *request = wire_buffer_new(KEYHOLDER_APP_KEYS);
  wire_put_fixed(request, grant, KMS_GRANT_SIZE);
  return request;
}

static WireBuffer *leaf_request(void) {
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) spki = p256_spki(key);
  WireBuffer *request = wire_buffer_new(KEYHOLDER_SIGN_LEAF);
  put_app(request, ABSENT_APP);
  wire_put_bytes(request, spki);
  wire_put_u8(request, FALSE);
  wire_put_text(request, "");
  wire_put_text(request, "kms.example.com");
  for (guint i = 0; i < 3; i++)
    wire_put_u8(request, 0);
  for (guint i = 0; i < 4; i++)
    wire_put_blob(request, "", 0);
  wire_put_u64(request, 0);
  wire_put_u64(request, 0);
  return request;
}

/* The verifier's words from the front's mouth, on either channel. */
static void test_forged_verdicts(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  g_autoptr(WireBuffer) grant = grant_request(ABSENT_APP), leaf = leaf_request();
  expect_refusal(attacker, channels.keyholder, grant, "key holder does not take request");
  expect_refusal(attacker, channels.keyholder, leaf, "key holder does not take request");
  expect_refusal(attacker, channels.verifier, grant, "verifier does not take request");
  expect_refusal(attacker, channels.verifier, leaf, "verifier does not take request");
  assert_all_well(attacker);
}

/* Every type of message, with nothing, with an app id, and with many bytes: only the public env key is ever given. */
static void test_every_message(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  static const gsize sizes[] = {0, KMS_APP_ID_SIZE, 300};
  static const guint8 zeros[300];
  for (guint type = 0; type < 256; type++)
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
      g_autoptr(WireBuffer) request = wire_buffer_new((guint8)type);
      wire_put_fixed(request, zeros, sizes[i]);
      g_autoptr(WireBuffer) answer = attacker_exchange(attacker, channels.keyholder, request);
      gboolean is_public = type == KEYHOLDER_ENV_KEY && sizes[i] == KMS_APP_ID_SIZE;
      g_assert_nonnull(answer);
      g_assert_cmpuint(wire_type(answer), ==, is_public ? WIRE_OK : WIRE_ERROR);
    }
  assert_all_well(attacker);
}

/* The certificate that an app showed while the front was watched; the front can show it again. */
static GBytes *seen_certificate(guint8 app_byte) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, app_byte, 1, GOOD_IMAGE);
  g_autoptr(EVP_PKEY) ca_key = NULL, key = p256_generate();
  g_autoptr(X509) ca = kms_temp_ca(shared, &ca_key);
  g_autoptr(X509) cert = ratls_temp_certificate(platform, key, ca, ca_key, NULL);
  return cert_to_der(cert);
}

static WireBuffer *authorize(Attacker *attacker, int fd, GBytes *certificate) {
  g_autoptr(WireBuffer) request = wire_buffer_new(VERIFIER_AUTHORIZE_APP);
  wire_put_bytes(request, certificate);
  wire_put_text(request, VM_CONFIG);
  return attacker_exchange(attacker, fd, request);
}

/* What remains to a front that was taken over: the keys of an app whose evidence it holds and that is allowed. Once. */
static void test_grants(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  g_autoptr(GBytes) certificate = seen_certificate(PRESENT_APP);
  g_autoptr(WireBuffer) granted = authorize(attacker, channels.verifier, certificate);
  g_assert_cmpuint(wire_type(granted), ==, WIRE_OK);
  guint8 grant[KMS_GRANT_SIZE], forged[KMS_GRANT_SIZE];
  Reader body = wire_body(granted);
  g_assert_true(reader_copy(&body, grant, sizeof grant));
  for (guint bit = 0; bit < 8 * sizeof grant; bit += 7) { /* forged */
    memcpy(forged, grant, sizeof grant);
    forged[bit / 8] ^= (guint8)(1 << bit % 8);
    g_autoptr(WireBuffer) request = keys_request(forged);
    expect_refusal(attacker, channels.keyholder, request, "no such key grant");
  }
  g_autoptr(WireBuffer) redirected = keys_request(grant); /* to another app */
  put_app(redirected, ABSENT_APP);
  expect_refusal(attacker, channels.keyholder, redirected, "trailing bytes");
  g_autoptr(WireBuffer) request = keys_request(grant);
  g_autoptr(WireBuffer) keys = attacker_exchange(attacker, channels.keyholder, request);
  g_assert_cmpuint(wire_type(keys), ==, WIRE_OK);
  expect_refusal(attacker, channels.keyholder, request, "no such key grant"); /* replayed */
  assert_all_well(attacker);
}

/* `certificate` with one bit changed in a part of it, at an offset in that part. */
static GBytes *alter(GBytes *certificate, GBytes *part, gsize offset) {
  gsize len, part_len;
  const guint8 *der = g_bytes_get_data(certificate, &len), *bytes = g_bytes_get_data(part, &part_len);
  const guint8 *place = memmem(der, len, bytes, part_len);
  g_assert_nonnull(place);
  guint8 *altered = g_memdup2(der, len);
  altered[(gsize)(place - der) + offset] ^= 1;
  return g_bytes_new_take(altered, len);
}

static void expect_no_grant(Attacker *attacker, int fd, GBytes *certificate) {
  g_autoptr(WireBuffer) answer = authorize(attacker, fd, certificate);
  g_assert_true(refusal_contains(answer, "app not allowed"));
}

/* Without evidence of the app, or without the webhook's yes, there is no grant. */
static void test_no_grants(void) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  g_autoptr(GBytes) certificate = seen_certificate(PRESENT_APP), quote = NULL;
  gsize len;
  const void *der = g_bytes_get_data(certificate, &len);
  g_autoptr(X509) parsed = cert_from_der(der, len, NULL);
  g_assert_true(cert_extension(parsed, RATLS_OID_QUOTE, &quote, NULL));
  g_autoptr(GBytes) spki = cert_spki(parsed);
  g_autoptr(GBytes) other_key = alter(certificate, spki, P256_SPKI_SIZE - 1);
  expect_no_grant(attacker, channels.verifier, other_key);
  for (gsize at = 0; at < SIGNED_QUOTE; at += 40) {
    g_autoptr(GBytes) other_quote = alter(certificate, quote, at);
    expect_no_grant(attacker, channels.verifier, other_quote);
  }
  g_atomic_int_set(&shared->hook.mode, HOOK_DENY);
  g_autoptr(WireBuffer) denied = authorize(attacker, channels.verifier, certificate);
  g_atomic_int_set(&shared->hook.mode, HOOK_ALLOW);
  g_assert_true(refusal_contains(denied, "boot denied"));
  static const guint8 nothing[KMS_GRANT_SIZE];
  g_autoptr(WireBuffer) request = keys_request(nothing);
  expect_refusal(attacker, channels.keyholder, request, "no such key grant");
  assert_all_well(attacker);
}

/* ---- what ends the KMS, and gives nothing ---- */

static void ends_the_kms(const void *bytes, gsize len) {
  g_autoptr(Attacker) attacker = attacker_new(shared);
  Channels channels = find_channels(attacker);
  if (attacker_send(attacker, channels.keyholder, bytes, len)) {
    g_autoptr(WireBuffer) answer = attacker_receive(attacker, channels.keyholder);
    g_assert_null(answer);
  }
  int status = kms_wait(shared);
  g_assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 0);
  assert_no_loot(attacker);
  kms_start(shared); /* with the keys it had */
  g_assert_true(asks(EARLIER_APP));
}

static void test_malformed_frames(void) {
  g_autofree guint8 *large = g_malloc0(4 + KMS_MAX_SEALED_REQUEST + 1);
  memcpy(large, (const guint8[]){0, 0, 0x10, 0x01, KEYHOLDER_APP_KEYS}, 5);
  ends_the_kms("\xff\xff\xff\xff\x11", 5);
  ends_the_kms("\0\0\0\0", 4);
  ends_the_kms(large, 4 + KMS_MAX_SEALED_REQUEST + 1);
  ends_the_kms("\0\0\0\x11\x11half", 9); /* and nothing more */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_print("1..0 # skip with a sanitizer there are no filters\n");
  return 0;
#endif
  if (geteuid() != 0) {
    g_print("1..0 # skip needs root: three processes of one user are not apart\n");
    return 0;
  }
  g_autofree char *programs = use_holed_front();
  shared = kms_new();
  kms_start(shared);
  root_traces = traces_of_roots(shared);
  g_assert_true(asks(EARLIER_APP));
  g_test_add_func("/kms/compromised-front/hole-works", test_hole_works);
  g_test_add_func("/kms/compromised-front/own-memory", test_own_memory);
  g_test_add_func("/kms/compromised-front/files", test_files);
  g_test_add_func("/kms/compromised-front/other-processes", test_other_processes);
  g_test_add_func("/kms/compromised-front/programs", test_programs);
  g_test_add_func("/kms/compromised-front/privileges", test_privileges);
  g_test_add_func("/kms/compromised-front/network", test_network);
  g_test_add_func("/kms/compromised-front/channels", test_channels);
  g_test_add_func("/kms/compromised-front/forged-verdicts", test_forged_verdicts);
  g_test_add_func("/kms/compromised-front/every-message", test_every_message);
  g_test_add_func("/kms/compromised-front/grants", test_grants);
  g_test_add_func("/kms/compromised-front/no-grants", test_no_grants);
  g_test_add_func("/kms/compromised-front/malformed-frames", test_malformed_frames);
  int result = g_test_run();
  key_traces_free(root_traces);
  kms_free(shared);
  g_assert_true(file_remove_tree(programs, NULL));
  return result;
}
