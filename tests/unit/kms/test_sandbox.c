/* What the system call filters stop, tried in child processes; and frames between processes. */
#include "kms/sandbox.h"
#include "kms/wire.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

typedef int (*Attempt)(void);

static int try_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) >= 0 ? 1 : errno; }
static int try_open(void) { return open("/etc/passwd", O_RDONLY) >= 0 ? 1 : errno; }
static int try_exec(void) {
  execl("/bin/true", "true", NULL);
  return errno;
}
static int try_fork(void) { return (int)syscall(SYS_fork) >= 0 ? 1 : errno; }
static int try_code(void) {
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED ? 1
                                                                                                                : errno;
}
static int try_signal(void) { return kill(getppid(), 0) == 0 ? 1 : errno; }
static int try_thread_signal(void) { return syscall(SYS_tgkill, getppid(), getppid(), 0) == 0 ? 1 : errno; }
static int try_dumpable(void) { return prctl(PR_SET_DUMPABLE, 1) == 0 ? 1 : errno; }
static int try_other_limits(void) {
  struct rlimit limit;
  return syscall(SYS_prlimit64, getppid(), RLIMIT_CORE, NULL, &limit) == 0 ? 1 : errno;
}
static int try_terminal_input(void) { return ioctl(STDERR_FILENO, TIOCSTI, "x") == 0 ? 1 : errno; }
static int try_look_into(void) {
  char byte;
  const struct iovec here = {&byte, 1}, there = {&errno, 1};
  return syscall(SYS_process_vm_readv, getppid(), &here, 1, &there, 1, 0) >= 0 ? 1 : errno;
}
static int try_ring(void) { return syscall(SYS_io_uring_setup, 4, NULL) >= 0 ? 1 : errno; }
static int try_packets(void) { return socket(AF_PACKET, SOCK_RAW, 0) >= 0 ? 1 : errno; }
static int try_abort(void) { abort(); }
static int try_nothing(void) { return 0; }

/* The wait status of a child that enters the sandbox and then tries. */
static int run_in(SandboxRole role, Attempt attempt) {
  pid_t pid = fork();
  g_assert_cmpint(pid, >=, 0);
  if (pid == 0)
    _exit(sandbox_enter(role, NULL) ? attempt() : 99);
  int status;
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  return status;
}

static void assert_killed(SandboxRole role, Attempt attempt) {
  int status = run_in(role, attempt);
  g_assert_true(WIFSIGNALED(status));
  g_assert_cmpint(WTERMSIG(status), ==, SIGSYS);
}

static void assert_result(SandboxRole role, Attempt attempt, int result) {
  int status = run_in(role, attempt);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, result);
}

static void assert_keeps_to_itself(SandboxRole role) {
  assert_result(role, try_exec, EPERM);
  assert_result(role, try_fork, EPERM);
  assert_result(role, try_code, EPERM);
  assert_result(role, try_signal, EPERM);
  assert_result(role, try_thread_signal, EPERM);
  assert_result(role, try_other_limits, EPERM);
  assert_result(role, try_terminal_input, EPERM);
  assert_result(role, try_look_into, EPERM);
  assert_result(role, try_ring, EPERM);
  int status = run_in(role, try_abort);
  g_assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static gboolean filters_are_off(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  g_test_skip("no filters with a sanitizer");
  return TRUE;
#else
  return FALSE;
#endif
}

static void test_keyholder(void) {
  if (filters_are_off())
    return;
  assert_result(SANDBOX_KEYHOLDER, try_nothing, 0);
  assert_killed(SANDBOX_KEYHOLDER, try_socket);
  assert_killed(SANDBOX_KEYHOLDER, try_exec);
  assert_killed(SANDBOX_KEYHOLDER, try_fork);
  assert_killed(SANDBOX_KEYHOLDER, try_code);
  assert_killed(SANDBOX_KEYHOLDER, try_signal);
  assert_killed(SANDBOX_KEYHOLDER, try_thread_signal);
  assert_killed(SANDBOX_KEYHOLDER, try_dumpable);
  assert_result(SANDBOX_KEYHOLDER, try_open, EACCES);
}

static void test_front(void) {
  if (filters_are_off())
    return;
  assert_result(SANDBOX_FRONT, try_nothing, 0);
  assert_result(SANDBOX_FRONT, try_socket, EPERM);
  assert_result(SANDBOX_FRONT, try_open, EACCES);
  assert_result(SANDBOX_FRONT, try_dumpable, EPERM);
  assert_keeps_to_itself(SANDBOX_FRONT);
}

static void test_verifier(void) {
  if (filters_are_off())
    return;
  assert_result(SANDBOX_VERIFIER, try_open, 1);
  assert_result(SANDBOX_VERIFIER, try_socket, 1);
  assert_result(SANDBOX_VERIFIER, try_packets, EPERM);
  assert_result(SANDBOX_VERIFIER, try_dumpable, EPERM);
  assert_keeps_to_itself(SANDBOX_VERIFIER);
}

/* The front on its way: more than it may do later, and the later filter still goes on top. */
static int enter_front(void) { return sandbox_enter(SANDBOX_FRONT, NULL) ? try_socket() : 99; }

static void test_setup(void) {
  if (filters_are_off())
    return;
  assert_result(SANDBOX_SETUP, try_open, 1);
  assert_result(SANDBOX_SETUP, try_socket, 1);
  assert_result(SANDBOX_SETUP, try_packets, EPERM);
  assert_result(SANDBOX_SETUP, enter_front, EPERM);
  assert_keeps_to_itself(SANDBOX_SETUP);
}

static int bind_low_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  for (guint16 port = 1; port < 1024; port++) {
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons(port);
    int result = bind(fd, (struct sockaddr *)&address, sizeof address);
    close(fd);
    if (result == 0)
      return 1;
    if (errno != EADDRINUSE)
      return errno;
  }
  return EADDRINUSE;
}

/* Without privileges but for low ports, and then without these too. */
static int drop_in_two_steps(void) {
  if (!sandbox_keep_binding("65521", NULL) || getuid() != 65521 || setuid(0) == 0 || bind_low_port() != 1)
    return 2;
  return sandbox_drop_privileges("65521", NULL) && setuid(0) != 0 && getuid() == 65521 ? bind_low_port() : 3;
}

static gboolean low_ports_are_open(void) {
  g_autofree char *first = NULL;
  return g_file_get_contents("/proc/sys/net/ipv4/ip_unprivileged_port_start", &first, NULL, NULL) &&
         g_ascii_strtoull(first, NULL, 10) < 1024;
}

static void test_keep_binding(void) {
  if (geteuid() != 0) {
    g_test_skip("needs root");
    return;
  }
  pid_t pid = fork();
  if (pid == 0)
    _exit(drop_in_two_steps());
  int status;
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  g_assert_true(WIFEXITED(status));
  g_assert_cmpint(WEXITSTATUS(status), ==, low_ports_are_open() ? 1 : EACCES);
}

static void test_drop(void) {
  if (geteuid() != 0) {
    g_test_skip("needs root");
    return;
  }
  g_autoptr(GError) error = NULL;
  g_assert_false(sandbox_drop_privileges("no-such-user-here", &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND);
  g_clear_error(&error);
  g_assert_false(sandbox_drop_privileges("root", NULL));
  g_assert_false(sandbox_drop_privileges("0", NULL));
  pid_t pid = fork();
  if (pid == 0)
    _exit(sandbox_drop_privileges("65523", NULL) && getuid() == 65523 && getgid() == 65523 && setuid(0) != 0 ? 0 : 1);
  int status;
  g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
  g_assert_cmpint(status, ==, 0);
}

static void test_frames(void) {
  int fds[2];
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  g_autoptr(WireBuffer) sent = wire_buffer_new(7);
  g_autofree char *long_text = g_strnfill(5000, 'x'); /* makes the buffer grow */
  wire_put_u8(sent, 1);
  wire_put_u32(sent, 0x01020304);
  wire_put_u64(sent, 5);
  wire_put_text(sent, long_text);
  g_assert_true(wire_send(fds[0], sent, &error));
  g_autoptr(WireBuffer) received = wire_receive(fds[1], 10000, &error);
  g_assert_no_error(error);
  Reader body = wire_body(received);
  g_assert_cmpuint(wire_type(received), ==, 7);
  g_assert_cmpuint(reader_u8(&body), ==, 1);
  g_assert_cmpuint(reader_u32be(&body), ==, 0x01020304);
  g_assert_cmpuint(reader_u64be(&body), ==, 5);
  g_autofree char *text = wire_get_text(&body, 5000);
  g_assert_cmpstr(text, ==, long_text);
  g_assert_true(reader_finish(&body, "frame", NULL));
  g_assert_true(wire_send(fds[0], sent, NULL));
  g_assert_null(wire_receive(fds[1], 100, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_clear_error(&error);
  close(fds[0]);
  close(fds[1]);
}

static void test_bad_fields(void) {
  g_autoptr(WireBuffer) buffer = wire_buffer_new(0);
  wire_put_blob(buffer, "a\0b", 3);
  wire_put_blob(buffer, "\xff", 1);
  Reader body = wire_body(buffer);
  g_autofree char *with_nul = wire_get_text(&body, 10);
  g_assert_false(reader_ok(&body));
  body = wire_body(buffer);
  g_autoptr(GBytes) bounded = wire_get_bytes(&body, 2);
  g_assert_false(reader_ok(&body));
  g_assert_cmpuint(g_bytes_get_size(bounded), ==, 0);
  g_autoptr(WireBuffer) truncated = wire_buffer_new(0);
  wire_put_u32(truncated, 100);
  body = wire_body(truncated);
  g_autoptr(GBytes) missing = wire_get_bytes(&body, 1000);
  g_assert_false(reader_ok(&body));
}

static void test_gone(void) {
  int fds[2];
  g_autoptr(GError) error = NULL;
  g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), ==, 0);
  close(fds[1]);
  g_autoptr(WireBuffer) request = wire_buffer_new(1);
  g_assert_null(wire_call(fds[0], request, 100, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
  close(fds[0]);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/kms/sandbox/keyholder", test_keyholder);
  g_test_add_func("/kms/sandbox/front", test_front);
  g_test_add_func("/kms/sandbox/verifier", test_verifier);
  g_test_add_func("/kms/sandbox/setup", test_setup);
  g_test_add_func("/kms/sandbox/drop", test_drop);
  g_test_add_func("/kms/sandbox/keep-binding", test_keep_binding);
  g_test_add_func("/kms/wire/frames", test_frames);
  g_test_add_func("/kms/wire/bad-fields", test_bad_fields);
  g_test_add_func("/kms/wire/gone", test_gone);
  return g_test_run();
}
