#include "vmm/launch.h"

#include "vmm/fat_image.h"
#include "vmm/tee_simulator.h"
#include "vmm/vm_config.h"
#include "vmm/vm_logs.h"
#include "vmm/vsock_device.h"
#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"
#include "cvm/host_share.h"
#include "cvm/sys_config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define PID_FILE "qemu.pid"
#define MAX_PID_BYTES 32
#define MAX_COMMAND_LINE_BYTES (256 * 1024)

/* ---- what the guest reads ---- */

static gboolean write_sys_config(Vm *vm, const LaunchPlan *plan, const char *vm_config, GError **error) {
  g_autofree char *text = sys_config_text(&plan->qemu, vm_config), *path = work_dir_shared(vm->work_dir, ".sys-config.json");
  if (strlen(text) > SYS_CONFIG_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "the urls for the guest pass its limit of %d bytes",
                SYS_CONFIG_MAX_SIZE);
    return FALSE;
  }
  return file_write_atomic(path, text, strlen(text), 0600, error);
}

static gboolean write_simulator(Vm *vm, const LaunchPlan *plan, const char *vm_config, GError **error) {
  g_autofree char *path = work_dir_shared(vm->work_dir, ".tee-simulator.json");
  if (plan->qemu.tdx) {
    if (unlink(path) == 0 || errno == ENOENT)
      return TRUE;
    dstack_set_errno(error, errno, "failed to remove %s", path);
    return FALSE;
  }
  g_autofree char *text = tee_simulator_text(plan, vm_config, error);
  return text && file_write_atomic(path, text, strlen(text), 0600, error);
}

static gboolean write_share(Vm *vm, const LaunchPlan *plan, GError **error) {
  g_autofree char *vm_config = vm_config_text(&plan->qemu);
  if (!write_sys_config(vm, plan, vm_config, error) || !write_simulator(vm, plan, vm_config, error))
    return FALSE;
  if (strcmp(plan->qemu.share_mode, "vhd") != 0)
    return TRUE;
  g_autofree char *image = work_dir_file(vm->work_dir, "shared.img"), *dir = work_dir_file(vm->work_dir, "shared");
  return fat_image_write(image, dir, HOST_SHARE_LABEL, error);
}

/* ---- disk ---- */

static char *qemu_img_path(const VmmConfig *config) {
  g_autofree char *dir = g_path_get_dirname(config->qemu_path);
  g_autofree char *sibling = g_build_filename(dir, "qemu-img", NULL);
  return g_file_test(sibling, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&sibling) : g_strdup("qemu-img");
}

/* Made once and never again: it holds the app's data. A part of one never gets the final name. */
static gboolean make_disk(Vm *vm, const LaunchPlan *plan, GError **error) {
  g_autofree char *disk = work_dir_file(vm->work_dir, "hda.img"), *part = work_dir_file(vm->work_dir, "hda.img.part");
  if (g_file_test(disk, G_FILE_TEST_EXISTS))
    return TRUE;
  g_autofree char *program = qemu_img_path(plan->qemu.config), *size = g_strdup_printf("%uG", vm->manifest->disk_gb);
  g_autofree char *base = vm->image->hda ? vmm_image_file(vm->image, vm->image->hda) : NULL;
  g_autofree char *backing = base ? g_strdup_printf("backing_file=%s,backing_fmt=qcow2", base) : NULL;
  const char *const plain[] = {program, "create", "-q", "-f", "qcow2", part, size, NULL};
  const char *const backed[] = {program, "create", "-q", "-f", "qcow2", "-o", backing, part, size, NULL};
  if (!process_check(base ? backed : plain, NULL, error)) {
    g_prefix_error(error, "failed to make the data disk: ");
    (void)unlink(part); /* the first error is the one to tell */
    return FALSE;
  }
  return file_rename_durable(part, disk, error);
}

/* ---- processes ---- */

static json_t *qemu_process(Vm *vm, char **argv) {
  g_autofree char *out = work_dir_file(vm->work_dir, "stdout.log"), *err = work_dir_file(vm->work_dir, "stderr.log");
  g_autofree char *pid_file = work_dir_file(vm->work_dir, PID_FILE);
  json_t *args = json_array();
  for (guint i = 1; argv[i]; i++)
    json_array_append_new(args, json_string(argv[i]));
  return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:I, s:s}", "id", vm->manifest->id, "name", vm->manifest->name,
                   "command", argv[0], "args", args, "cwd", vm->work_dir, "stdout", out, "stderr", err, "pidfile", pid_file,
                   "cid", (json_int_t)vm->cid, "note", "{\"kind\":\"cvm\",\"live_for\":null,\"serial_logappend\":true}");
}

gboolean launch_check_orphan(Vm *vm, GError **error) {
  g_autofree char *path = work_dir_file(vm->work_dir, PID_FILE), *text = file_read_text(path, MAX_PID_BYTES, NULL);
  guint64 pid;
  if (!text || !g_ascii_string_to_unsigned(g_strstrip(text), 10, 1, G_MAXINT32, &pid, NULL))
    return TRUE;
  g_autofree char *command_path = g_strdup_printf("/proc/%" G_GUINT64_FORMAT "/cmdline", pid);
  g_autoptr(GBytes) command = file_read(command_path, MAX_COMMAND_LINE_BYTES, NULL);
  g_autofree char *serial = work_dir_file(vm->work_dir, "serial.log");
  gsize len = 0;
  const char *data = command ? g_bytes_get_data(command, &len) : NULL;
  if (!data || !memmem(data, len, serial, strlen(serial)))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS,
              "the vm runs already as process %" G_GUINT64_FORMAT ", which the supervisor does not know", pid);
  return FALSE;
}

static void remove_leftovers(Vm *vm) {
  static const char *const names[] = {"serial.pty", "qmp.sock"};
  for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
    g_autofree char *path = work_dir_file(vm->work_dir, names[i]);
    (void)unlink(path); /* usually not there */
  }
}

static gboolean deploy(Vmm *vmm, Vm *vm, const LaunchPlan *plan, GError **error) {
  g_auto(GStrv) argv = qemu_args_build(&plan->qemu, error);
  if (!argv)
    return FALSE;
  if (plan->qemu.user_vsock && !vsock_device_start(vmm, vm, error))
    return FALSE;
  if (!vsock_device_listen(vmm, vm, error))
    return FALSE;
  g_autoptr(json_t) process = qemu_process(vm, argv);
  return supervisor_client_deploy(vmm->supervisor, process, error);
}

gboolean launch_vm(Vmm *vmm, Vm *vm, const LaunchPlan *plan, GError **error) {
  if (!write_share(vm, plan, error) || !make_disk(vm, plan, error))
    return FALSE;
  remove_leftovers(vm);
  vm_logs_begin(vmm->config, vm);
  return deploy(vmm, vm, plan, error);
}
