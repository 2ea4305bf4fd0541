#include "guest/tee-simulator/device.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define CCEL_SIZE (64 * 1024) /* the area that firmware sets aside */
#define REPORT_ENTRY "/tsm/report/com.intel.dcap"

struct TeeDevice {
  TdxPlatform *platform;
  GBytes *ccel;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  guint64 generation; /* requests so far */
  GBytes *quote;      /* for the last request, once it was read */
};

const TeeNode tee_nodes[] = {
    {"/", TEE_NODE_DIRECTORY, 0755, 0},
    {"/tsm", TEE_NODE_DIRECTORY, 0755, 0},
    {"/tsm/report", TEE_NODE_DIRECTORY, 0755, 0},
    {REPORT_ENTRY, TEE_NODE_DIRECTORY, 0755, 0},
    {REPORT_ENTRY "/provider", TEE_NODE_PROVIDER, 0444, 0},
    {REPORT_ENTRY "/inblob", TEE_NODE_INBLOB, 0200, 0},
    {REPORT_ENTRY "/outblob", TEE_NODE_OUTBLOB, 0400, 0},
    {REPORT_ENTRY "/generation", TEE_NODE_GENERATION, 0444, 0},
    {"/measurements", TEE_NODE_DIRECTORY, 0755, 0},
    {"/measurements/rtmr0:sha384", TEE_NODE_REGISTER, 0444, 0},
    {"/measurements/rtmr1:sha384", TEE_NODE_REGISTER, 0444, 1},
    {"/measurements/rtmr2:sha384", TEE_NODE_REGISTER, 0644, 2},
    {"/measurements/rtmr3:sha384", TEE_NODE_REGISTER, 0644, 3},
    {"/ccel", TEE_NODE_CCEL, 0400, 0},
};
const gsize tee_n_nodes = G_N_ELEMENTS(tee_nodes);

const TeeNode *tee_node_find(const char *path) {
  for (gsize i = 0; i < tee_n_nodes; i++)
    if (strcmp(tee_nodes[i].path, path) == 0)
      return &tee_nodes[i];
  return NULL;
}

const char *tee_node_name(const TeeNode *node) { return strrchr(node->path, '/') + 1; }

gboolean tee_node_is_in(const TeeNode *node, const TeeNode *directory) {
  gsize parent_len = (gsize)(tee_node_name(node) - node->path) - 1;
  gsize directory_len = strlen(directory->path);
  if (directory_len == 1)
    directory_len = 0; /* "/" */
  return node != directory && parent_len == directory_len && strncmp(node->path, directory->path, parent_len) == 0;
}

TeeDevice *tee_device_new(TdxPlatform *platform, GError **error) {
  g_autoptr(TeeDevice) device = g_new0(TeeDevice, 1);
  device->platform = platform;
  g_autoptr(TdxEventLog) log = platform->ops->boot_log(platform, error);
  device->ccel = log ? tdx_ccel_build(log, CCEL_SIZE, error) : NULL;
  return device->ccel ? g_steal_pointer(&device) : NULL;
}

void tee_device_free(TeeDevice *device) {
  if (!device)
    return;
  tdx_platform_free(device->platform);
  g_clear_pointer(&device->ccel, g_bytes_unref);
  g_clear_pointer(&device->quote, g_bytes_unref);
  g_free(device);
}

static GBytes *text(const char *line) { return g_bytes_new(line, strlen(line)); }

static GBytes *read_quote(TeeDevice *device, int *errnum) {
  if (device->generation == 0) {
    *errnum = EINVAL;
    return NULL;
  }
  g_autoptr(GError) error = NULL;
  if (!device->quote)
    device->quote = device->platform->ops->get_quote(device->platform, device->report_data, &error);
  if (device->quote)
    return g_bytes_ref(device->quote);
  log_error("failed to make a quote: %s", error->message);
  *errnum = EIO;
  return NULL;
}

static GBytes *read_register(TeeDevice *device, guint index, int *errnum) {
  guint8 value[TDX_MR_SIZE];
  g_autoptr(GError) error = NULL;
  if (device->platform->ops->read_rtmr(device->platform, index, value, &error))
    return g_bytes_new(value, sizeof value);
  log_error("failed to read rtmr%u: %s", index, error->message);
  *errnum = EIO;
  return NULL;
}

GBytes *tee_device_read(TeeDevice *device, const TeeNode *node, int *errnum) {
  g_autofree char *generation = g_strdup_printf("%" G_GUINT64_FORMAT "\n", device->generation);
  switch (node->kind) {
  case TEE_NODE_PROVIDER:
    return text("tdx_guest\n");
  case TEE_NODE_GENERATION:
    return text(generation);
  case TEE_NODE_OUTBLOB:
    return read_quote(device, errnum);
  case TEE_NODE_REGISTER:
    return read_register(device, node->index, errnum);
  case TEE_NODE_CCEL:
    return g_bytes_ref(device->ccel);
  case TEE_NODE_DIRECTORY:
  case TEE_NODE_INBLOB:
    break;
  }
  *errnum = node->kind == TEE_NODE_DIRECTORY ? EISDIR : EACCES;
  return NULL;
}

static int write_request(TeeDevice *device, const void *data, gsize len) {
  if (len != TDX_REPORT_DATA_SIZE)
    return EINVAL;
  memcpy(device->report_data, data, len);
  device->generation++;
  g_clear_pointer(&device->quote, g_bytes_unref);
  return 0;
}

static int extend_register(TeeDevice *device, guint index, const void *data, gsize len) {
  g_autoptr(GError) error = NULL;
  if (len != TDX_MR_SIZE)
    return EINVAL;
  if (device->platform->ops->extend_rtmr(device->platform, index, data, &error))
    return 0;
  log_error("failed to extend rtmr%u: %s", index, error->message);
  return EIO;
}

int tee_device_write(TeeDevice *device, const TeeNode *node, const void *data, gsize len) {
  if (!(node->mode & 0200))
    return EACCES;
  if (node->kind == TEE_NODE_INBLOB)
    return write_request(device, data, len);
  if (node->kind == TEE_NODE_REGISTER)
    return extend_register(device, node->index, data, len);
  return EISDIR;
}
