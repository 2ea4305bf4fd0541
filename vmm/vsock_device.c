#include "vmm/vsock_device.h"

#include "vmm/plan.h"
#include "vmm/work_dir.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define DEVICE_SOCKET "vhost-vsock.sock" /* QEMU's */
#define GUEST_SOCKET "vsock.sock"        /* with _<port>: the guest's calls to the host */
#define DEVICE_LOG "vsock.log"
#define START_WAIT_MS 5000
#define START_POLL_MS 20

static char *process_id(Vm *vm) { return g_strconcat("vsock-", vm->manifest->id, NULL); }

static json_t *process_config(Vmm *vmm, Vm *vm, const char *id) {
  g_autofree char *device = work_dir_file(vm->work_dir, DEVICE_SOCKET), *guest = work_dir_file(vm->work_dir, GUEST_SOCKET);
  g_autofree char *log = work_dir_file(vm->work_dir, DEVICE_LOG), *cid = g_strdup_printf("%u", vm->cid);
  g_autofree char *name = g_strconcat("vsock-", vm->manifest->name, NULL);
  g_autoptr(json_t) note = json_pack("{s:s, s:s}", "kind", "vsock", "live_for", vm->manifest->id);
  g_autofree char *note_text = json_print(note);
  return json_pack("{s:s, s:s, s:s, s:[s,s,s,s,s,s], s:s, s:s, s:s, s:s}", "id", id, "name", name, "command",
                   vmm->config->vsock_device_path, "args", "--guest-cid", cid, "--socket", device, "--uds-path", guest, "cwd",
                   vm->work_dir, "stdout", log, "stderr", log, "note", note_text);
}

static gboolean check_length(const char *path, GError **error) {
  if (strlen(path) < sizeof((struct sockaddr_un *)0)->sun_path)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s is too long for a socket: choose a shorter run_path", path);
  return FALSE;
}

static gboolean wait_for_socket(Vmm *vmm, const char *id, const char *path, GError **error) {
  for (guint waited = 0; waited < START_WAIT_MS; waited += START_POLL_MS) {
    if (g_file_test(path, G_FILE_TEST_EXISTS))
      return TRUE;
    gboolean running;
    if (!supervisor_client_is_running(vmm->supervisor, id, &running, error))
      return FALSE;
    if (!running) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "the vsock device ended at once; see " DEVICE_LOG);
      return FALSE;
    }
    g_usleep(START_POLL_MS * 1000);
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TIMEOUT, "the vsock device does not come up; see " DEVICE_LOG);
  return FALSE;
}

gboolean vsock_device_start(Vmm *vmm, Vm *vm, GError **error) {
  g_autofree char *id = process_id(vm), *socket = work_dir_file(vm->work_dir, DEVICE_SOCKET);
  g_autofree char *guest = work_dir_file(vm->work_dir, GUEST_SOCKET);
  if (!check_length(socket, error) || !supervisor_client_stop(vmm->supervisor, id, error))
    return FALSE;
  (void)unlink(socket); /* left by an earlier run, or not there */
  (void)unlink(guest);
  g_autoptr(json_t) config = process_config(vmm, vm, id);
  return supervisor_client_deploy(vmm->supervisor, config, error) && wait_for_socket(vmm, id, socket, error);
}

gboolean vsock_device_stop(Vmm *vmm, Vm *vm, GError **error) {
  g_autofree char *id = process_id(vm);
  return supervisor_client_remove(vmm->supervisor, id, error);
}

gboolean vsock_device_listen(Vmm *vmm, Vm *vm, GError **error) {
  if (vm->host_api_listener || !vmm_uses_user_vsock(vmm->config))
    return TRUE;
  g_autofree char *name = g_strdup_printf(GUEST_SOCKET "_%u", vmm->config->host_api_port);
  g_autofree char *path = work_dir_file(vm->work_dir, name);
  g_autofree char *address = g_strconcat("unix:", path, NULL);
  if (!check_length(path, error))
    return FALSE;
  PrpcListenOptions options = {.act_as_vsock_cid = vm->cid, .max_per_vsock_peer = MAX_CONNECTIONS_OF_A_GUEST};
  vm->host_api_listener = prpc_server_listen(vmm->guests, address, vmm->host_api, &options, error);
  return vm->host_api_listener != 0;
}

void vsock_device_unlisten(Vmm *vmm, Vm *vm) {
  if (vm->host_api_listener)
    prpc_server_unlisten(vmm->guests, vm->host_api_listener);
  vm->host_api_listener = 0;
}

char *vsock_guest_url(Vmm *vmm, Vm *vm, guint port, const char *prefix) {
  if (!vmm_uses_user_vsock(vmm->config))
    return g_strdup_printf("vsock://%u:%u%s", vm->cid, port, prefix);
  g_autofree char *socket = work_dir_file(vm->work_dir, GUEST_SOCKET);
  return g_strdup_printf("vsock+unix:%s:%u|%s", socket, port, prefix);
}
