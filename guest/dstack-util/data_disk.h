/* The app's data disk: LUKS2 with ext4 in it, mounted (spec: guest-os 9). */
#pragma once

#include "base/secret.h"

#include <glib.h>

#define DATA_DISK_MAPPER "dstack_data_disk"

typedef struct {
  const char *device;
  const char *mount_point;
  const Secret *disk_key;
  gboolean always_format;   /* keys that do not survive a reboot can open no old disk */
  const char *host_api_url; /* told which of the two happens */
} DataDisk;

/* Opens the disk, or formats it when it has no header at all. A disk with a header that does not check or open is an
 * error: never formatted, never used unencrypted. */
gboolean data_disk_mount(const DataDisk *disk, GError **error);
