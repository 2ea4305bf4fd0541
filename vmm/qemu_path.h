/* Which QEMU runs virtual machines, and its version (spec: vmm 2.2 qemu_path, 2.4). */
#pragma once

#include <glib.h>

/* `configured`, or when empty the path in /etc/dstack/client.conf, or qemu-system-x86_64 from PATH. Error NOT_FOUND. */
char *qemu_path_find(const char *configured, GError **error);

/* Asks the program. Error when it can not be run or its answer has no version. */
char *qemu_version_detect(const char *qemu_path, GError **error);
/* The version in the first line that `qemu --version` printed; NULL when there is none. */
char *qemu_version_parse(const char *line);
