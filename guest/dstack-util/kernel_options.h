/* The measured kernel command line's options for setup (spec: guest-os 2). */
#pragma once

#include <glib.h>

typedef struct {
  gboolean storage_encrypted; /* default TRUE */
  char *storage_fs;           /* NULL: not given */
} KernelOptions;

/* Error INVALID for a value that is not understood. */
KernelOptions *kernel_options_parse(const char *command_line, GError **error);
KernelOptions *kernel_options_load(GError **error); /* of /proc/cmdline */
void kernel_options_free(KernelOptions *options);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KernelOptions, kernel_options_free)

/* The file system of the data disk: the compose's wish, else the command line's, else zfs. "ext4", borrowed and static;
 * the others are NOT_IMPLEMENTED or INVALID, as is an unencrypted disk. */
const char *storage_filesystem(const char *compose_wish, const KernelOptions *options, GError **error);
