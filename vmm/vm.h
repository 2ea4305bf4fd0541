/* One VM as the VMM knows it in memory: its description, its context id, and what its guest reports. */
#pragma once

#include "vmm/app_compose.h"
#include "vmm/image.h"
#include "vmm/manifest.h"
#include "vmm/rate.h"
#include "vmm/restart_policy.h"

#include <glib.h>

typedef struct {
  char *name, *body;
  guint64 timestamp_ms;
} VmEvent;

typedef struct {
  char *boot_progress, *boot_error, *shutdown_progress;
} VmProgress;

typedef struct {
  gatomicrefcount refs;
  GMutex operation; /* held through a start, stop or removal; taken before any other lock */

  /* Never change while the VM is known. */
  Manifest *manifest;
  VmmImage *image;     /* NULL when it could not be loaded, as the next */
  AppCompose *compose;
  char *fault;         /* why it could not be loaded and so not be started; NULL: nothing is wrong */
  char *work_dir;
  guint32 cid; /* 0: none, the pool was exhausted */

  /* Under `operation`. */
  guint host_api_listener; /* 0: none */
  RestartState restart;
  gboolean must_end; /* processes nobody wants could not be ended yet */
  gboolean gone;     /* from the table, removed or read anew: whoever still holds it must do nothing with it */

  gint removing; /* atomic: its removal has begun and goes on until it is done */

  GMutex lock; /* guards what follows */
  VmProgress progress;
  GQueue events; /* of VmEvent, oldest first */
  RateBucket calls; /* to the Host API */
} Vm;

/* Takes manifest, image and compose. */
Vm *vm_new(Manifest *manifest, VmmImage *image, AppCompose *compose, const char *run_path, guint32 cid);
Vm *vm_ref(Vm *vm);
void vm_unref(Vm *vm);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Vm, vm_unref)

/* Under vm->operation. Error NOT_FOUND when it is gone. */
gboolean vm_check_present(const Vm *vm, GError **error);
/* Under vm->operation: passes on what is not on disk to the object that takes its place; `vm` is gone then. */
void vm_pass_state(Vm *vm, Vm *heir);

/* NULL keeps what is there. */
void vm_set_progress(Vm *vm, const char *boot_progress, const char *boot_error, const char *shutdown_progress);
/* A copy, to be cleared. */
VmProgress vm_progress(Vm *vm);
void vm_progress_clear(VmProgress *progress);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(VmProgress, vm_progress_clear)

/* Appends to the ring of the last `max` events. */
void vm_add_event(Vm *vm, const char *name, const char *body, guint max);

/* Status of spec vmm 6.1. */
const char *vm_status(gboolean removing, gboolean started, gboolean running);
