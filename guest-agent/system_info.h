/* What the host may know about the guest's resources (spec: prpc-and-agent-api 8, SysInfo). */
#pragma once

#include "guest_api.pb-c.h"

#include <glib.h>

/* Fills the answer; what can't be read stays empty or zero. `data_disks`: the mount points that are shown. */
void system_info_fill(char **data_disks, GuestApi__SystemInfo *out);

/* The value of NAME=value in the text of an os-release file, unquoted. Newly allocated; "" when absent. */
char *os_release_value(const char *text, const char *name);
/* The bytes of a "Name:   123 kB" line of /proc/meminfo; 0 when absent. */
guint64 meminfo_value(const char *text, const char *name);
