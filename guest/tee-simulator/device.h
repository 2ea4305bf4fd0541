/* The kernel interfaces of a TDX guest as a tree of small files, without any file system around it.
 *
 *   tsm/report/com.intel.dcap/{provider,inblob,outblob,generation}   one configfs-tsm report entry
 *   measurements/rtmr{0..3}:sha384                                   48 bytes each; writing extends (2 and 3 only)
 *   ccel                                                             the boot log of the firmware
 *
 * Not thread-safe: the file system serves one request at a time. */
#pragma once

#include "tdx/platform.h"

#include <sys/types.h>

typedef enum {
  TEE_NODE_DIRECTORY,
  TEE_NODE_PROVIDER,
  TEE_NODE_INBLOB,
  TEE_NODE_OUTBLOB,
  TEE_NODE_GENERATION,
  TEE_NODE_REGISTER,
  TEE_NODE_CCEL,
} TeeNodeKind;

typedef struct {
  const char *path; /* "/" for the root */
  TeeNodeKind kind;
  mode_t mode;      /* permissions */
  guint index;      /* of a register */
} TeeNode;

extern const TeeNode tee_nodes[];
extern const gsize tee_n_nodes;
/* NULL when there is no such path. */
const TeeNode *tee_node_find(const char *path);
/* TRUE when `node` lies directly in `directory`. */
gboolean tee_node_is_in(const TeeNode *node, const TeeNode *directory);
/* The last part of the path. */
const char *tee_node_name(const TeeNode *node);

typedef struct TeeDevice TeeDevice;
/* Takes `platform`, whose boot log becomes the CCEL table. */
TeeDevice *tee_device_new(TdxPlatform *platform, GError **error);
void tee_device_free(TeeDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TeeDevice, tee_device_free)

/* The whole content of a file. The quote is made at the first read after a request and kept until the next one.
 * NULL with *errnum set as the kernel would: EINVAL before the first request, EACCES, EIO. */
GBytes *tee_device_read(TeeDevice *device, const TeeNode *node, int *errnum);
/* One write is one request or one extension. Returns 0 or an errno value: EINVAL for any other size, EACCES. */
int tee_device_write(TeeDevice *device, const TeeNode *node, const void *data, gsize len);
