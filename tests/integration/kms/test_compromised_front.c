/* What an attacker who has taken over the front asks the kernel for: everything that leads to keys is refused. */
#include "holed_kms.h"

#include "kms/keyholder/key_files.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static HoledKms *holed;

/* ---- the hole works ---- */

static gint64 call(Attacker *attacker, long number, guint64 a, guint64 b, guint64 c, guint64 d) {
  return attacker_call(attacker, number, (const guint64[6]){a, b, c, d});
}

static void test_hole_works(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  g_assert_cmpint(call(attacker, SYS_getpid, 0, 0, 0, 0), ==, holed->kms->pid);
  guint64 word = attacker_put_text(attacker, "burglar");
  g_autoptr(GBytes) back = attacker_get(attacker, word, 8);
  g_assert_cmpstr(g_bytes_get_data(back, NULL), ==, "burglar");
  g_assert_cmpuint(call(attacker, SYS_geteuid, 0, 0, 0, 0), ==, 65521);
}

/* All that the front can read of itself. Its own TLS key is there, which shows that the search would find one. */
static void test_own_memory(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  g_autoptr(GArray) mappings = process_mappings(holed->kms->pid);
  g_assert_nonnull(mappings);
  attacker_take_memory(attacker, mappings);
  g_autoptr(RootKeys) keys = key_files_load(holed->kms->cert_dir, NULL);
  g_autoptr(KeyTraces) own = key_traces_new();
  key_traces_add_p256(own, "rpc key", keys->rpc);
  g_test_message("%u bytes, with the %s", attacker->loot->len,
                 key_traces_find(own, attacker->loot->data, attacker->loot->len));
  g_assert_nonnull(key_traces_find(own, attacker->loot->data, attacker->loot->len));
  holed_kms_assert_no_loot(holed, attacker);
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
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  static const char *const names[] = {"root-ca.key", "root-k256.key", "rpc.key"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = g_build_filename(holed->kms->cert_dir, names[i], NULL);
    expect_file_refused(attacker, path);
  }
  guint64 dir = attacker_put_text(attacker, holed->kms->cert_dir);
  EXPECT(attacker, EPERM, SYS_chroot, dir);
  EXPECT(attacker, EPERM, SYS_chdir, dir);
  EXPECT(attacker, EPERM, SYS_mount, dir, dir, 0, MS_SYNC);
  EXPECT(attacker, EPERM, SYS_memfd_create, dir, 0);
  holed_kms_assert_well(holed, attacker);
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
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  const pid_t pids[] = {kms_helper(holed->kms, "dstack-kms-keyholder"), kms_helper(holed->kms, "dstack-kms-verifier")};
  for (guint i = 0; i < G_N_ELEMENTS(pids); i++) {
    try_proc(attacker, pids[i]);
    try_look_into(attacker, pids[i]);
    try_disturb(attacker, pids[i]);
    g_assert_true(process_alive(pids[i]));
  }
  holed_kms_assert_well(holed, attacker);
}

static void test_programs(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
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
  holed_kms_assert_well(holed, attacker);
}

static void test_privileges(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
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
  holed_kms_assert_well(holed, attacker);
}

static void test_network(void) {
  g_autoptr(Attacker) attacker = attacker_new(holed->kms);
  const struct sockaddr_in loopback = {
      .sin_family = AF_INET, .sin_port = htons(holed->kms->port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
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
  holed_kms_assert_well(holed, attacker);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  if (!(holed = holed_kms_new()))
    return EXIT_SUCCESS;
  g_test_add_func("/kms/compromised-front/hole-works", test_hole_works);
  g_test_add_func("/kms/compromised-front/own-memory", test_own_memory);
  g_test_add_func("/kms/compromised-front/files", test_files);
  g_test_add_func("/kms/compromised-front/other-processes", test_other_processes);
  g_test_add_func("/kms/compromised-front/programs", test_programs);
  g_test_add_func("/kms/compromised-front/privileges", test_privileges);
  g_test_add_func("/kms/compromised-front/network", test_network);
  int result = g_test_run();
  holed_kms_free(holed);
  return result;
}
