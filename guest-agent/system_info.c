#include "guest-agent/system_info.h"

#include "base/file.h"
#include "prpc/message.h"

#include <mntent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#define TEXT_MAX_SIZE (1024 * 1024)
#define MAX_DISKS 64

static char *read_text(const char *path) {
  char *text = file_read_text(path, TEXT_MAX_SIZE, NULL);
  return text ? text : g_strdup("");
}

char *os_release_value(const char *text, const char *name) {
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  gsize len = strlen(name);
  for (guint i = 0; lines[i]; i++) {
    if (strncmp(lines[i], name, len) != 0 || lines[i][len] != '=')
      continue;
    g_autofree char *unquoted = g_shell_unquote(lines[i] + len + 1, NULL);
    return unquoted ? g_steal_pointer(&unquoted) : g_strdup("");
  }
  return g_strdup("");
}

guint64 meminfo_value(const char *text, const char *name) {
  gsize len = strlen(name);
  for (const char *line = text; line && *line; line = strchr(line, '\n')) {
    line += *line == '\n';
    if (strncmp(line, name, len) == 0 && line[len] == ':')
      return g_ascii_strtoull(line + len + 1, NULL, 10) * 1024;
  }
  return 0;
}

static void fill_os(GuestApi__SystemInfo *out) {
  g_autofree char *text = read_text("/etc/os-release");
  g_autofree char *name = os_release_value(text, "NAME");
  g_autofree char *version = os_release_value(text, "VERSION_ID");
  prpc_set_string(&out->os_name, name);
  prpc_set_string(&out->os_version, version);
  struct utsname kernel;
  if (uname(&kernel) == 0)
    prpc_set_string(&out->kernel_version, kernel.release);
}

/* "model name : Intel..." of the first processor. */
static char *cpuinfo_value(const char *text, const char *name) {
  const char *line = strstr(text, name);
  const char *colon = line ? strchr(line, ':') : NULL;
  const char *end = colon ? strchr(colon, '\n') : NULL;
  return end ? g_strstrip(g_strndup(colon + 1, (gsize)(end - colon - 1))) : g_strdup("");
}

static void fill_cpu(GuestApi__SystemInfo *out) {
  g_autofree char *text = read_text("/proc/cpuinfo");
  g_autofree char *model = cpuinfo_value(text, "model name");
  g_autofree char *mhz = cpuinfo_value(text, "cpu MHz");
  g_autofree char *shown = g_strdup_printf("%s @%.0f MHz", model, g_ascii_strtod(mhz, NULL));
  prpc_set_string(&out->cpu_model, shown);
  out->num_cpus = g_get_num_processors();
}

static void fill_memory(GuestApi__SystemInfo *out) {
  g_autofree char *text = read_text("/proc/meminfo");
  out->total_memory = meminfo_value(text, "MemTotal");
  out->available_memory = meminfo_value(text, "MemAvailable");
  out->free_memory = meminfo_value(text, "MemFree");
  out->used_memory = out->total_memory - MIN(out->available_memory, out->total_memory);
  out->total_swap = meminfo_value(text, "SwapTotal");
  out->free_swap = meminfo_value(text, "SwapFree");
  out->used_swap = out->total_swap - MIN(out->free_swap, out->total_swap);
}

static void fill_load(GuestApi__SystemInfo *out) {
  g_autofree char *uptime = read_text("/proc/uptime");
  out->uptime = g_ascii_strtoull(uptime, NULL, 10);
  double load[3] = {0};
  if (getloadavg(load, 3) != 3)
    return;
  out->loadavg_one = (guint32)(load[0] * 100);
  out->loadavg_five = (guint32)(load[1] * 100);
  out->loadavg_fifteen = (guint32)(load[2] * 100);
}

static GuestApi__DiskInfo *disk_info(const struct mntent *entry) {
  struct statvfs fs;
  if (statvfs(entry->mnt_dir, &fs) != 0)
    return NULL;
  GuestApi__DiskInfo *disk = (GuestApi__DiskInfo *)prpc_message_new(&guest_api__disk_info__descriptor);
  prpc_set_string(&disk->name, entry->mnt_fsname);
  prpc_set_string(&disk->mount_point, entry->mnt_dir);
  disk->total_size = (guint64)fs.f_blocks * fs.f_frsize;
  disk->free_size = (guint64)fs.f_bavail * fs.f_frsize;
  return disk;
}

static gint by_mount_point(gconstpointer a, gconstpointer b) {
  return strcmp((*(GuestApi__DiskInfo *const *)a)->mount_point, (*(GuestApi__DiskInfo *const *)b)->mount_point);
}

static void fill_disks(char **data_disks, GuestApi__SystemInfo *out) {
  g_autoptr(GPtrArray) disks = g_ptr_array_new();
  FILE *mounts = setmntent("/proc/self/mounts", "re");
  struct mntent entry;
  char buffer[4096];
  while (mounts && disks->len < MAX_DISKS && getmntent_r(mounts, &entry, buffer, sizeof buffer)) {
    if (!g_strv_contains((const char *const *)data_disks, entry.mnt_dir))
      continue;
    GuestApi__DiskInfo *disk = disk_info(&entry);
    if (disk)
      g_ptr_array_add(disks, disk);
  }
  if (mounts)
    (void)endmntent(mounts); /* always 1 */
  g_ptr_array_sort(disks, by_mount_point);
  out->n_disks = disks->len;
  out->disks = disks->len ? (GuestApi__DiskInfo **)g_ptr_array_free(g_steal_pointer(&disks), FALSE) : NULL;
}

void system_info_fill(char **data_disks, GuestApi__SystemInfo *out) {
  fill_os(out);
  fill_cpu(out);
  fill_memory(out);
  fill_load(out);
  fill_disks(data_disks, out);
}
