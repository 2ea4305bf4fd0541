/* The directory the host shares with its guest: finding, mounting and copying it (spec: guest-os 4).
 *
 * Everything in it is hostile: each file is opened once without following links, must be a regular file within its
 * limit, and only the copy is used afterwards. */
#pragma once

#include <glib.h>

#define HOST_SHARE_LABEL "DSTACKSHR"
#define ENCRYPTED_ENV_MAX_SIZE (256 * 1024)
#define USER_CONFIG_MAX_SIZE (1024 * 1024)

/* Finds the FAT disk (or partition) with the label above, below `sys_block` (NULL: /sys/block) and `dev` (NULL: /dev).
 * NULL when there is none. */
char *host_share_find_device(const char *sys_block, const char *dev);
/* Mounts the share read-only on `mount_point`, which is made if missing: the labelled disk, else 9p with tag
 * "host-shared". Waits up to `wait_ms` for one to appear. Error NOT_FOUND "no host-shared device". */
gboolean host_share_mount(const char *mount_point, guint wait_ms, GError **error);
gboolean host_share_unmount(const char *mount_point, GError **error);
/* Copies the known files from `source` to `target`, a directory made afresh with mode 0700; copies have mode 0600. */
gboolean host_share_copy(const char *source, const char *target, GError **error);
