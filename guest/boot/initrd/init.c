/* The guest's first program: mounts the root file system that the measured command line names, through dm-verity, and hands over to its
 * init (spec: guest-os 3.1). It reads nothing else from the host. Any failure ends it, at which the kernel panics and the VM stops. */
#include "root_parameters.h"
#include "verity.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define ROOT_DEVICE "/dev/vda"
#define ROOT_FILESYSTEM "erofs"
#define NEW_ROOT "/root"
#define NEXT_INIT "/sbin/init"
#define MODULE_DIR "/modules"
#define DEVICE_WAIT_MS 10000
#define DEVICE_POLL_MS 10
#define COMMAND_LINE_MAX 8192

/* The panic that follows would swallow what the console has not sent yet: the reason. */
static _Noreturn void end(void)
{
  (void)tcdrain(STDERR_FILENO);
  _exit(1);
}

static _Noreturn void fail(const char *what)
{
  (void)fprintf(stderr, "initrd: %s: %s\n", what, strerror(errno)); /* nowhere else to report to */
  end();
}

static _Noreturn void refuse(const char *what)
{
  (void)fprintf(stderr, "initrd: %s\n", what);
  end();
}

static void mount_or_fail(const char *source, const char *target, const char *type, unsigned long flags, const char *data)
{
  if (mount(source, target, type, flags, data) < 0)
    fail(target);
}

static void mount_kernel_filesystems(void)
{
  mount_or_fail("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  mount_or_fail("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  if (mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755") < 0 && errno != EBUSY)
    fail("/dev");
  mount_or_fail("tmpfs", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=20%");
}

static void load_module(const char *name)
{
  char path[sizeof(MODULE_DIR) + NAME_MAX + 1];
  (void)snprintf(path, sizeof(path), MODULE_DIR "/%s", name);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
    fail(path);
  (void)close(fd); /* read-only */
}

/* File names begin with a number that gives the order. */
static void load_modules(void)
{
  struct dirent **entries;
  int count = scandir(MODULE_DIR, &entries, NULL, alphasort);
  if (count < 0)
    fail(MODULE_DIR);
  for (int i = 0; i < count; i++) {
    if (entries[i]->d_name[0] != '.')
      load_module(entries[i]->d_name);
    free(entries[i]);
  }
  free(entries);
}

static void read_parameters(RootParameters *parameters)
{
  char command_line[COMMAND_LINE_MAX];
  int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  ssize_t length = fd < 0 ? -1 : read(fd, command_line, sizeof(command_line) - 1);
  if (length < 0)
    fail("/proc/cmdline");
  if ((size_t)length == sizeof(command_line) - 1)
    refuse("the kernel command line is too long");
  (void)close(fd); /* read-only */
  command_line[length] = '\0';
  const char *problem = root_parameters_parse(command_line, parameters);
  if (problem != NULL)
    refuse(problem);
}

static void wait_for_root_device(uint64_t data_size)
{
  const struct timespec pause = {.tv_nsec = DEVICE_POLL_MS * 1000000L};
  int fd = -1;
  for (int waited = 0; waited <= DEVICE_WAIT_MS; waited += DEVICE_POLL_MS) {
    fd = open(ROOT_DEVICE, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
      break;
    (void)nanosleep(&pause, NULL); /* waking early only polls earlier */
  }
  if (fd < 0)
    fail(ROOT_DEVICE);
  uint64_t size = 0;
  if (ioctl(fd, BLKGETSIZE64, &size) < 0)
    fail(ROOT_DEVICE);
  if (size <= data_size)
    refuse("the root disk is smaller than dstack.rootfs_size says");
  (void)close(fd); /* read-only */
}

static void remove_program_files(void)
{
  struct dirent **entries;
  int count = scandir(MODULE_DIR, &entries, NULL, NULL);
  char path[sizeof(MODULE_DIR) + NAME_MAX + 1];
  for (int i = 0; i < count; i++) {
    (void)snprintf(path, sizeof(path), MODULE_DIR "/%s", entries[i]->d_name);
    (void)unlink(path); /* only frees memory; the new root hides the file anyway */
    free(entries[i]);
  }
  if (count >= 0)
    free(entries);
  (void)unlink("/init"); /* as above */
}

static _Noreturn void enter_root(void)
{
  static const char *const moved[] = {"/proc", "/sys", "/dev", "/run"};
  char target[sizeof(NEW_ROOT) + 8];
  remove_program_files();
  for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
    (void)snprintf(target, sizeof(target), NEW_ROOT "%s", moved[i]);
    mount_or_fail(moved[i], target, NULL, MS_MOVE, NULL);
  }
  if (chdir(NEW_ROOT) < 0)
    fail(NEW_ROOT);
  mount_or_fail(".", "/", NULL, MS_MOVE, NULL);
  if (chroot(".") < 0 || chdir("/") < 0)
    fail("chroot");
  execl(NEXT_INIT, NEXT_INIT, (char *)NULL);
  fail(NEXT_INIT);
}

int main(void)
{
  RootParameters parameters;
  mount_kernel_filesystems();
  load_modules();
  read_parameters(&parameters);
  wait_for_root_device(parameters.data_size);
  const char *failed = verity_open(ROOT_DEVICE, &parameters);
  if (failed != NULL)
    fail(failed);
  mount_or_fail(ROOT_MAPPING, NEW_ROOT, ROOT_FILESYSTEM, MS_RDONLY, NULL);
  (void)printf("initrd: verified root %s mounted\n", parameters.hash);
  (void)fflush(stdout); /* a message; the boot does not hang on it */
  enter_root();
}
