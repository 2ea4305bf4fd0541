#include "vmm/qemu_args.h"

#include "vmm/ports.h"

#include "base/error.h"
#include "base/file.h"

#include <string.h>

#define TCG_ACCEL "tcg,thread=multi,tb-size=1024"
#define MAX_CPU_LIST_BYTES 4096

typedef GPtrArray Args;

static void add(Args *args, const char *option, const char *value) {
  g_ptr_array_add(args, g_strdup(option));
  if (value)
    g_ptr_array_add(args, g_strdup(value));
}

static void add_format(Args *args, const char *option, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void add_format(Args *args, const char *option, const char *format, ...) {
  va_list values;
  va_start(values, format);
  g_autofree char *value = g_strdup_vprintf(format, values);
  va_end(values);
  add(args, option, value);
}

guint32 qemu_effective_vcpus(const Manifest *manifest) { return MAX(manifest->vcpu, 1); }

/* Huge pages come in whole gigabytes. */
guint64 qemu_effective_memory_mb(const Manifest *manifest) {
  return manifest->hugepages ? MAX(manifest->memory_mb / 1024, 1) * G_GUINT64_CONSTANT(1024) : manifest->memory_mb;
}

static void add_processor(Args *args, const QemuPlan *plan) {
  add(args, "-accel", plan->kvm ? "kvm" : TCG_ACCEL);
  add(args, "-cpu", plan->kvm ? "host" : "max");
  add(args, "-nographic", NULL);
  add(args, "-nodefaults", NULL);
  if (!plan->tdx)
    add(args, "-no-reboot", NULL); /* a TDX guest can not reset in place: so ends every other too */
}

static void add_console(Args *args, const QemuPlan *plan) {
  add_format(args, "-chardev", "pty,id=com0,path=%s/serial.pty,logfile=%s/serial.log,logappend=on", plan->work_dir, plan->work_dir);
  add(args, "-serial", "chardev:com0");
  if (plan->config->qmp_socket)
    add_format(args, "-qmp", "unix:%s/qmp.sock,server,wait=off", plan->work_dir);
}

static void add_image_file(Args *args, const QemuPlan *plan, const char *option, const char *file_name) {
  g_autofree char *path = vmm_image_file(plan->image, file_name);
  add(args, option, path);
}

static void add_boot(Args *args, const QemuPlan *plan) {
  if (plan->image->bios)
    add_image_file(args, plan, "-bios", plan->image->bios);
  add_image_file(args, plan, "-kernel", plan->image->kernel);
  add_image_file(args, plan, "-initrd", plan->image->initrd);
  if (plan->config->hotplug_off)
    add(args, "-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off");
  if (plan->config->pci_hole64_size > 0)
    add_format(args, "-global", "q35-pcihost.pci-hole64-size=0x%" G_GINT64_MODIFIER "x", plan->config->pci_hole64_size);
}

static gboolean add_disks(Args *args, const QemuPlan *plan, GError **error) {
  const char *rootfs = plan->image->rootfs;
  if (rootfs && g_str_has_suffix(rootfs, ".iso")) {
    add_image_file(args, plan, "-cdrom", rootfs);
  } else if (rootfs && g_str_has_suffix(rootfs, ".verity")) {
    add_format(args, "-drive", "file=%s/%s,if=none,id=hd0,format=raw,readonly=on", plan->image->dir, rootfs);
    add(args, "-device", "virtio-blk-pci,drive=hd0");
  } else if (rootfs) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "image %s: unsupported rootfs %s", plan->image->name, rootfs);
    return FALSE;
  }
  add_format(args, "-drive", "file=%s/hda.img,if=none,id=hd1,format=qcow2", plan->work_dir);
  add(args, "-device", "virtio-blk-pci,drive=hd1");
  return TRUE;
}

static void add_network(Args *args, const QemuPlan *plan) {
  const VmmConfig *config = plan->config;
  g_autoptr(GString) netdev = g_string_new(NULL);
  if (config->network == NETWORK_CUSTOM) {
    g_string_append(netdev, config->custom_netdev);
  } else {
    g_string_append_printf(netdev, "user,id=net0,net=%s,dhcpstart=%s,restrict=%s", config->user_net, config->user_dhcp_start,
                           config->user_restrict ? "yes" : "no");
    for (guint i = 0; i < plan->manifest->ports->len; i++) {
      const PortMap *map = &g_array_index(plan->manifest->ports, PortMap, i);
      g_autofree char *host = strchr(map->address, ':') ? g_strdup_printf("[%s]", map->address) : g_strdup(map->address);
      g_string_append_printf(netdev, ",hostfwd=%s:%s:%u-:%u", port_map_protocol(map), host, map->from, map->to);
    }
  }
  add(args, "-netdev", netdev->str);
  /* Without KVM the firmware would spend seconds on a boot program for the network that nobody uses. */
  add(args, "-device", plan->tdx ? "virtio-net-pci,netdev=net0" : "virtio-net-pci,netdev=net0,romfile=");
}

static void add_machine(Args *args, const QemuPlan *plan) {
  if (plan->tdx) {
    add(args, "-machine", "q35,kernel-irqchip=split,confidential-guest-support=tdx,hpet=off");
    add_format(args, "-object", "tdx-guest,id=tdx%s%s", plan->mr_config_id ? ",mrconfigid=" : "",
               plan->mr_config_id ? plan->mr_config_id : "");
    return;
  }
  if (plan->user_vsock) /* the backend is another process: it must see the guest's memory */
    add_format(args, "-object", "memory-backend-memfd,id=ram1,size=%" G_GUINT64_FORMAT "M,share=on",
               qemu_effective_memory_mb(plan->manifest));
  add_format(args, "-machine", "q35,kernel-irqchip=split,hpet=off%s", plan->user_vsock ? ",memory-backend=ram1" : "");
}

static void add_host_channel(Args *args, const QemuPlan *plan) {
  if (plan->user_vsock) {
    add_format(args, "-chardev", "socket,id=vsock0,path=%s/vhost-vsock.sock", plan->work_dir);
    add(args, "-device", "vhost-user-vsock-pci,chardev=vsock0");
  } else {
    add_format(args, "-device", "vhost-vsock-pci,guest-cid=%u", plan->cid);
  }
  if (strcmp(plan->share_mode, "vhd") == 0) {
    add_format(args, "-drive", "file=%s/shared.img,if=none,id=hd2,format=raw,readonly=on", plan->work_dir);
    add(args, "-device", "virtio-blk-pci,drive=hd2");
  } else {
    add_format(args, "-virtfs",
               "local,path=%s/shared,mount_tag=host-shared,readonly=%s,security_model=mapped,id=virtfs0", plan->work_dir,
               plan->image->shared_ro ? "on" : "off");
  }
}

/* One node, as long as no GPU says otherwise; without GPUs there is no bridge to place either. */
static void add_hugepages(Args *args, const QemuPlan *plan) {
  if (!plan->manifest->hugepages)
    return;
  add_format(args, "-numa", "node,nodeid=0,cpus=0-%u,memdev=mem0", qemu_effective_vcpus(plan->manifest) - 1);
  add_format(args, "-object",
             "memory-backend-file,id=mem0,size=%" G_GUINT64_FORMAT
             "G,mem-path=/dev/hugepages,share=on,prealloc=yes,host-nodes=0,policy=bind",
             qemu_effective_memory_mb(plan->manifest) / 1024);
}

static gboolean add_pinning(Args *args, const QemuPlan *plan, GError **error) {
  if (!plan->manifest->pin_numa)
    return TRUE;
  g_autofree char *cpus = file_read_text("/sys/devices/system/node/node0/cpulist", MAX_CPU_LIST_BYTES, error);
  if (!cpus) {
    g_prefix_error(error, "failed to pin the vm to a numa node: ");
    return FALSE;
  }
  add(args, "taskset", "-c");
  add(args, g_strchomp(cpus), NULL);
  return TRUE;
}

char **qemu_args_build(const QemuPlan *plan, GError **error) {
  if (plan->user_vsock && (plan->tdx || plan->manifest->hugepages)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED,
                "not implemented yet: the user-space vsock backend together with %s", plan->tdx ? "tdx" : "huge pages");
    return NULL;
  }
  g_autoptr(GPtrArray) args = g_ptr_array_new_with_free_func(g_free);
  if (!add_pinning(args, plan, error))
    return NULL;
  add(args, plan->config->qemu_path, NULL);
  add_processor(args, plan);
  add_console(args, plan);
  add_boot(args, plan);
  if (!add_disks(args, plan, error))
    return NULL;
  add_network(args, plan);
  if (plan->tdx)
    add_machine(args, plan);
  add_host_channel(args, plan);
  add_hugepages(args, plan);
  if (!plan->tdx)
    add_machine(args, plan); /* the memory it names comes first */
  add_format(args, "-smp", "%u", qemu_effective_vcpus(plan->manifest));
  add_format(args, "-m", "%" G_GUINT64_FORMAT "M", qemu_effective_memory_mb(plan->manifest));
  if (plan->image->cmdline)
    add(args, "-append", plan->image->cmdline);
  g_ptr_array_add(args, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&args), FALSE);
}
