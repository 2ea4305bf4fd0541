/* vm-manifest.json: the durable description of one VM (spec: vmm 5.1). */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef struct {
  char *id, *name, *app_id, *image;
  guint32 vcpu, memory_mb, disk_gb;
  GArray *ports; /* of PortMap */
  guint64 created_at_ms;
  gboolean hugepages, pin_numa;
  char **kms_urls, **gateway_urls; /* empty: the node's */
  json_t *gpus;                    /* {"attach_mode","gpus","bridges"}, or NULL: kept, not interpreted here */
} Manifest;

Manifest *manifest_new(void);
void manifest_free(Manifest *manifest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Manifest, manifest_free)

/* Error INVALID names the member. Values are checked as CreateVm checks them, except the port policy. */
Manifest *manifest_parse(const json_t *object, GError **error);
/* New reference. */
json_t *manifest_to_json(const Manifest *manifest);
