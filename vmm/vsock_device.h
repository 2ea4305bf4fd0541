/* vsock without help from the host's kernel: one vhost-user backend process for each VM, and the unix sockets it makes of the
 * guest's ports. */
#pragma once

#include "vmm/vm.h"
#include "vmm/vmm.h"

/* Starts the backend of a VM whose QEMU is about to start. Errors: UNAVAILABLE, TIMEOUT. */
gboolean vsock_device_start(Vmm *vmm, Vm *vm, GError **error);
/* Ends it; none is no error. */
gboolean vsock_device_stop(Vmm *vmm, Vm *vm, GError **error);

/* Listens where this guest's calls to the Host API arrive. Under vm->operation. */
gboolean vsock_device_listen(Vmm *vmm, Vm *vm, GError **error);
void vsock_device_unlisten(Vmm *vmm, Vm *vm);

/* The base URL of a service in the guest, for prpc_client_new(). */
char *vsock_guest_url(Vmm *vmm, Vm *vm, guint port, const char *prefix);
