#include "kms/sandbox.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WITH_SANITIZER 1
#else
#define WITH_SANITIZER 0
#endif

/* Memory, time, randomness, threads that exist already, and open descriptors. */
static const char basic_calls[] =
    "read write readv writev close fstat lseek recvfrom recvmsg poll ppoll munmap mremap "
    "brk madvise mlock munlock futex clock_gettime getrandom exit exit_group gettimeofday clock_nanosleep "
    "nanosleep rt_sigaction rt_sigreturn rt_sigprocmask sigaltstack getpid gettid restart_syscall "
    "sched_yield set_robust_list rseq membarrier";

/* What GLib, libevent and OpenSSL need on top in a process with threads. */
static const char threaded_calls[] =
    "epoll_wait epoll_pwait epoll_pwait2 epoll_ctl epoll_create1 eventfd2 timerfd_create timerfd_settime "
    "pipe2 fcntl dup shutdown getsockopt setsockopt getsockname getpeername sched_getattr "
    "sched_setattr sched_getaffinity set_tid_address getuid geteuid getgid getegid getrusage uname sysinfo "
    "select pselect6 recvmmsg";

/* Of the audit log, which is open already. */
static const char keyholder_calls[] = "fdatasync ftruncate";

static const char front_calls[] = "accept accept4 wait4 waitid sendfile pread64";

static const char verifier_calls[] =
    "open openat newfstatat stat lstat statx access faccessat faccessat2 readlink readlinkat getdents64 "
    "pread64 pwrite64 fadvise64 getcwd rename renameat renameat2 unlink unlinkat mkdir mkdirat fsync "
    "rmdir fchmod statfs fstatfs socketpair connect bind sendto sendmsg sendmmsg";

/* For the next filter, and for giving up the last capability. */
static const char setup_calls[] = "listen prctl seccomp capget capset";

/* Libraries open locale, time zone and name service files when they first need them: refused, not fatal. */
static const char refused_calls[] = "open openat openat2 newfstatat stat statx access readlink";

static const char network_calls[] = "socket socketpair connect bind listen accept accept4 execve execveat ptrace";

/* `calls` is a list of names with spaces between. */
static gboolean add_rules(scmp_filter_ctx filter, guint32 action, const char *calls, GError **error) {
  g_auto(GStrv) names = g_strsplit(calls, " ", -1);
  for (char **name = names; *name; name++) {
    int number = seccomp_syscall_resolve_name(*name);
    int result = number == __NR_SCMP_ERROR ? 0 : seccomp_rule_add(filter, action, number, 0);
    /* A call that this architecture only knows through another one can't be named: nothing to allow. */
    if (result != 0 && result != -EDOM) {
      dstack_set_errno(error, -result, "failed to filter %s", *name);
      return FALSE;
    }
  }
  return TRUE;
}

/* A call that is only allowed with one of its arguments being this. */
typedef struct {
  int call;
  struct scmp_arg_cmp argument;
} ArgumentRule;

static gboolean add_argument_rules(scmp_filter_ctx filter, const ArgumentRule *rules, guint n_rules, GError **error) {
  for (guint i = 0; i < n_rules; i++) {
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rules[i].call, 1, &rules[i].argument);
    if (result != 0) {
      dstack_set_errno(error, -result, "failed to filter arguments of call %d", rules[i].call);
      return FALSE;
    }
  }
  return TRUE;
}

/* No memory that can be both filled and run; signals to itself only: abort() needs one; nothing sent to an address, for
 * that can open a connection (MSG_FASTOPEN). */
static gboolean allow_basics(scmp_filter_ctx filter, GError **error) {
  const ArgumentRule rules[] = {
      {SCMP_SYS(mmap), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
      {SCMP_SYS(mprotect), SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)},
      {SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())},
      {SCMP_SYS(sendto), SCMP_A4(SCMP_CMP_EQ, 0)},
  };
  return add_rules(filter, SCMP_ACT_ALLOW, basic_calls, error) &&
         add_argument_rules(filter, rules, G_N_ELEMENTS(rules), error);
}

/* What of calls with many uses is needed: its own limits, names of threads, and questions about sockets and terminals. */
static gboolean allow_threaded(scmp_filter_ctx filter, GError **error) {
  const ArgumentRule rules[] = {
      {SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0)},      {SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME)},
      {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONBIO)},    {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, FIONREAD)},
      {SCMP_SYS(ioctl), SCMP_A1(SCMP_CMP_EQ, TCGETS)},
  };
  return add_rules(filter, SCMP_ACT_ALLOW, threaded_calls, error) &&
         add_argument_rules(filter, rules, G_N_ELEMENTS(rules), error);
}

/* Netlink is how the C library finds out which address families there are. */
static gboolean allow_sockets(scmp_filter_ctx filter, GError **error) {
  const ArgumentRule rules[] = {
      {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_UNIX)},
      {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET)},
      {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_INET6)},
      {SCMP_SYS(socket), SCMP_A0(SCMP_CMP_EQ, AF_NETLINK)},
  };
  return add_rules(filter, SCMP_ACT_ALLOW, verifier_calls, error) &&
         add_argument_rules(filter, rules, G_N_ELEMENTS(rules), error);
}

/* Threads but no processes. The flags of clone3 lie in memory, out of a filter's sight: glibc falls back to clone on
 * ENOSYS. */
static gboolean allow_threads(scmp_filter_ctx filter, GError **error) {
  const struct scmp_arg_cmp is_thread = SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD);
  int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, is_thread);
  if (result == 0)
    result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
  if (result == 0)
    return TRUE;
  dstack_set_errno(error, -result, "failed to filter clone");
  return FALSE;
}

static gboolean fill(scmp_filter_ctx filter, SandboxRole role, GError **error) {
  if (!allow_basics(filter, error))
    return FALSE;
  if (role == SANDBOX_KEYHOLDER)
    return add_rules(filter, SCMP_ACT_ALLOW, keyholder_calls, error) &&
           add_rules(filter, SCMP_ACT_ERRNO(EACCES), refused_calls, error);
  if (!allow_threaded(filter, error) || !allow_threads(filter, error))
    return FALSE;
  if (role == SANDBOX_VERIFIER)
    return allow_sockets(filter, error);
  return add_rules(filter, SCMP_ACT_ALLOW, front_calls, error) &&
         (role == SANDBOX_FRONT ? add_rules(filter, SCMP_ACT_ERRNO(EACCES), refused_calls, error)
                                : allow_sockets(filter, error) &&
                                      add_rules(filter, SCMP_ACT_ALLOW, setup_calls, error));
}

static gboolean load(scmp_filter_ctx filter, GError **error) {
  int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
  if (result == 0)
    result = seccomp_load(filter);
  if (result == 0)
    return TRUE;
  dstack_set_errno(error, -result, "failed to load the system call filter");
  return FALSE;
}

gboolean sandbox_enter(SandboxRole role, GError **error) {
  if (WITH_SANITIZER) {
    log_warn("built with a sanitizer: no system call filter");
    return TRUE;
  }
  scmp_filter_ctx filter = seccomp_init(role == SANDBOX_KEYHOLDER ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM));
  if (!filter) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to make a system call filter");
    return FALSE;
  }
  gboolean entered = fill(filter, role, error) && load(filter, error);
  seccomp_release(filter);
  return entered;
}

gboolean sandbox_forbid_network(GError **error) {
  if (WITH_SANITIZER)
    return TRUE;
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (!filter) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "failed to make a system call filter");
    return FALSE;
  }
  gboolean entered = add_rules(filter, SCMP_ACT_KILL_PROCESS, network_calls, error) && load(filter, error);
  seccomp_release(filter);
  return entered;
}

static gboolean find_user(const char *user, uid_t *uid, gid_t *gid, GError **error) {
  guint64 number;
  if (g_ascii_string_to_unsigned(user, 10, 1, G_MAXINT32, &number, NULL)) {
    *uid = (uid_t)number;
    *gid = (gid_t)number;
    return TRUE;
  }
  const struct passwd *entry = getpwnam(user); /* before any thread starts */
  if (entry && entry->pw_uid != 0) {
    *uid = entry->pw_uid;
    *gid = entry->pw_gid;
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "no such unprivileged user: %s", user);
  return FALSE;
}

gboolean sandbox_give_to_user(const char *path, const char *user, GError **error) {
  uid_t uid;
  gid_t gid;
  if (!find_user(user, &uid, &gid, error))
    return FALSE;
  if (lchown(path, uid, gid) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to give %s to user %s", path, user);
  return FALSE;
}

/* Of the capabilities that there are, keeps those in `mask`. */
static gboolean keep_capabilities(guint64 mask, GError **error) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {0};
  gboolean done = syscall(SYS_capget, &header, sets) == 0;
  for (guint i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
    sets[i].permitted &= (guint32)(mask >> (32 * i));
    sets[i].effective = sets[i].permitted;
    sets[i].inheritable = 0;
  }
  if (done && syscall(SYS_capset, &header, sets) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to give up capabilities");
  return FALSE;
}

static gboolean become(const char *user, guint64 kept, GError **error) {
  uid_t uid;
  gid_t gid;
  if (!find_user(user, &uid, &gid, error))
    return FALSE;
  if (prctl(PR_SET_KEEPCAPS, kept != 0) != 0 || setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 ||
      setresuid(uid, uid, uid) != 0) {
    dstack_set_errno(error, errno, "failed to become user %s", user);
    return FALSE;
  }
  if (!keep_capabilities(kept, error))
    return FALSE;
  if (setresuid(0, 0, 0) == 0 || setresgid(0, 0, 0) == 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "privileges could be taken back");
    return FALSE;
  }
  secret_protect_process(); /* a change of user switches it off */
  return TRUE;
}

gboolean sandbox_drop_privileges(const char *user, GError **error) {
  if (geteuid() != 0)
    return keep_capabilities(0, error);
  return !*user || become(user, 0, error);
}

gboolean sandbox_keep_binding(const char *user, GError **error) {
  return geteuid() != 0 || !*user || become(user, (guint64)1 << CAP_NET_BIND_SERVICE, error);
}
