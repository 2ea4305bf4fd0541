/* Calls from the VMM to a guest's agent over vsock (spec: vmm 4.3). */
#pragma once

#include "vmm/vmm.h"

#include "prpc/message.h"

/* The answer is untrusted data of the guest, bounded in size and time. */
ProtobufCMessage *guest_client_call(Vmm *vmm, Vm *vm, const char *method, const ProtobufCMessageDescriptor *answer_type,
                                    GError **error);
/* Asks the guest to stop its app and power off; returns when it says it will. */
gboolean guest_client_shutdown(Vmm *vmm, Vm *vm, GError **error);
