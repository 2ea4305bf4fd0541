#include "guest-agent/metrics.h"

#include "guest-agent/agent.h"
#include "guest-agent/system_info.h"

#include <string.h>

static void declare(GString *out, const char *name, const char *help) {
  g_string_append_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void append_label(GString *out, const char *label, const char *value) {
  g_string_append_printf(out, "%s=\"", label);
  for (; *value; value++)
    if (*value == '\n')
      g_string_append(out, "\\n");
    else if (*value == '\\' || *value == '"')
      g_string_append_printf(out, "\\%c", *value);
    else
      g_string_append_c(out, *value);
  g_string_append_c(out, '"');
}

static void text_metric(GString *out, const char *name, const char *help, const char *label, const char *value) {
  declare(out, name, help);
  g_string_append_printf(out, "%s{", name);
  append_label(out, label, value);
  g_string_append(out, "} 1\n");
}

static void number_metric(GString *out, const char *name, const char *help, guint64 value) {
  declare(out, name, help);
  g_string_append_printf(out, "%s %" G_GUINT64_FORMAT "\n", name, value);
}

static guint64 disk_total(const GuestApi__DiskInfo *disk) { return disk->total_size; }
static guint64 disk_free(const GuestApi__DiskInfo *disk) { return disk->free_size; }
static guint64 disk_used(const GuestApi__DiskInfo *disk) {
  return disk->total_size - MIN(disk->free_size, disk->total_size);
}

static void append_disk_labels(GString *out, const char *metric, const GuestApi__DiskInfo *disk) {
  g_string_append_printf(out, "%s{", metric);
  append_label(out, "name", disk->name);
  g_string_append_c(out, ',');
  append_label(out, "mount_point", disk->mount_point);
  g_string_append(out, "} ");
}

static void disk_metric(GString *out, const char *name, const char *help, const GuestApi__SystemInfo *system,
                        guint64 (*value)(const GuestApi__DiskInfo *)) {
  declare(out, name, help);
  for (gsize i = 0; i < system->n_disks; i++) {
    append_disk_labels(out, name, system->disks[i]);
    g_string_append_printf(out, "%" G_GUINT64_FORMAT "\n", value(system->disks[i]));
  }
}

static void disk_percentages(GString *out, const GuestApi__SystemInfo *system) {
  declare(out, "disk_usage_percentage", "Used part of the disk in percent");
  for (gsize i = 0; i < system->n_disks; i++) {
    const GuestApi__DiskInfo *disk = system->disks[i];
    double percentage = disk->total_size ? 100.0 * (double)disk_used(disk) / (double)disk->total_size : 0;
    append_disk_labels(out, "disk_usage_percentage", disk);
    g_string_append_printf(out, "%.2f\n", percentage);
  }
}

static void append_disks(GString *out, const GuestApi__SystemInfo *system) {
  disk_metric(out, "disk_total_size", "Size of the disk in bytes", system, disk_total);
  disk_metric(out, "disk_free_size", "Free space of the disk in bytes", system, disk_free);
  disk_metric(out, "disk_used_size", "Used space of the disk in bytes", system, disk_used);
  disk_percentages(out, system);
}

char *metrics_text(const GuestApi__SystemInfo *system) {
  GString *out = g_string_new(NULL);
  text_metric(out, "system_os_name", "Name of the operating system", "os_name", system->os_name);
  text_metric(out, "system_os_version", "Version of the operating system", "os_version", system->os_version);
  text_metric(out, "system_kernel_version", "Version of the kernel", "kernel_version", system->kernel_version);
  text_metric(out, "system_cpu_model", "Model of the processor", "cpu_model", system->cpu_model);
  const struct {
    const char *name, *help;
    guint64 value;
  } numbers[] = {{"system_num_cpus", "Number of processors", system->num_cpus},
                 {"system_memory_total", "Memory in bytes", system->total_memory},
                 {"system_memory_available", "Memory available to programs in bytes", system->available_memory},
                 {"system_memory_used", "Memory in use in bytes", system->used_memory},
                 {"system_memory_free", "Memory nobody uses in bytes", system->free_memory},
                 {"system_swap_total", "Swap in bytes", system->total_swap},
                 {"system_swap_used", "Swap in use in bytes", system->used_swap},
                 {"system_swap_free", "Free swap in bytes", system->free_swap},
                 {"system_uptime", "Seconds since the start", system->uptime},
                 {"system_load_average_1m", "Load of the last minute times 100", system->loadavg_one},
                 {"system_load_average_5m", "Load of the last 5 minutes times 100", system->loadavg_five},
                 {"system_load_average_15m", "Load of the last 15 minutes times 100", system->loadavg_fifteen}};
  for (guint i = 0; i < G_N_ELEMENTS(numbers); i++)
    number_metric(out, numbers[i].name, numbers[i].help, numbers[i].value);
  append_disks(out, system);
  return g_string_free(out, FALSE);
}

void metrics_route(PrpcHttpRequest *request, gpointer data) {
  Agent *agent = data;
  g_autoptr(PrpcMessage) system = prpc_message_new(&guest_api__system_info__descriptor);
  system_info_fill(agent->data_disks, (GuestApi__SystemInfo *)system);
  g_autofree char *text = metrics_text((const GuestApi__SystemInfo *)system);
  prpc_http_reply(request, 200, "text/plain; charset=utf-8", text, strlen(text), NULL);
}
