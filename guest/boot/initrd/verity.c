#include "verity.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAPPING_NAME "rootfs"
#define SECTOR_SIZE 512u
#define ZERO_SALT "0000000000000000000000000000000000000000000000000000000000000000"
#define REQUEST_SIZE 4096u

/* One ioctl's buffer: the header, then the single target of a table. */
typedef union {
  struct dm_ioctl header;
  char bytes[REQUEST_SIZE];
} DmRequest;

static int dm_call(int control, unsigned long command, DmRequest *request)
{
  struct dm_ioctl *header = &request->header;
  header->version[0] = DM_VERSION_MAJOR;
  header->data_size = sizeof(*request);
  header->data_start = sizeof(*header);
  (void)snprintf(header->name, sizeof(header->name), "%s", MAPPING_NAME);
  return ioctl(control, command, request);
}

static bool write_table(DmRequest *request, const char *device, const RootParameters *parameters)
{
  struct dm_target_spec *target = (struct dm_target_spec *)(request->bytes + sizeof(struct dm_ioctl));
  char *text = (char *)(target + 1);
  size_t room = sizeof(*request) - sizeof(struct dm_ioctl) - sizeof(*target);
  uint64_t blocks = parameters->data_size / ROOT_BLOCK_SIZE;

  request->header.target_count = 1;
  request->header.flags = DM_READONLY_FLAG;
  target->length = parameters->data_size / SECTOR_SIZE;
  (void)snprintf(target->target_type, sizeof(target->target_type), "verity");
  int length = snprintf(text, room, "1 %s %s %u %u %" PRIu64 " %" PRIu64 " sha256 %s %s 1 panic_on_corruption", device, device,
                        ROOT_BLOCK_SIZE, ROOT_BLOCK_SIZE, blocks, blocks + 1, parameters->hash, ZERO_SALT);
  return length > 0 && (size_t)length < room;
}

const char *verity_open(const char *device, const RootParameters *parameters)
{
  DmRequest request = {0};
  const char *failed = NULL;
  int control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
  if (control < 0)
    return "opening /dev/mapper/control";
  request.header.flags = DM_READONLY_FLAG;
  if (dm_call(control, DM_DEV_CREATE, &request) < 0) {
    failed = "creating the verity mapping";
    goto out;
  }
  memset(&request, 0, sizeof(request));
  if (!write_table(&request, device, parameters) || dm_call(control, DM_TABLE_LOAD, &request) < 0) {
    failed = "loading the verity table";
    goto out;
  }
  memset(&request, 0, sizeof(request));
  if (dm_call(control, DM_DEV_SUSPEND, &request) < 0) /* without DM_SUSPEND_FLAG this resumes, that is activates */
    failed = "activating the verity mapping";
out:
  (void)close(control); /* only requests went through it; nothing is buffered */
  return failed;
}
