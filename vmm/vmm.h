/* What the parts of the VMM share: one of each, made in main.c. */
#pragma once

#include "vmm/accelerator.h"
#include "vmm/cid_pool.h"
#include "vmm/config.h"
#include "vmm/supervisor_client.h"
#include "vmm/vm_table.h"

#include "prpc/server.h"

#define MAX_CONNECTIONS_OF_A_GUEST 16

typedef struct {
  const VmmConfig *config;
  SupervisorClient *supervisor;
  Accelerator *accelerator;
  VmTable *vms;
  GMutex create_lock; /* guards cids; and makes checking a new VM's ports and adding it one step */
  CidPool *cids;
  GMutex strangers_lock;
  RateBucket strangers; /* calls of guests that are not ours */
  PrpcServer *guests;   /* serves guests only: what they do to it never keeps an operator out */
  PrpcRouter *host_api; /* what guests may call */
} Vmm;
