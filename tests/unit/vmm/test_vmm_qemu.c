/* The QEMU command line, vm_config and sys-config against the vectors of the spec. */
#include "vmm/qemu_args.h"
#include "vmm/vm_config.h"

#include "vmm/ports.h"

#include "base/error.h"

#include <string.h>

#define MR_CONFIG_ID "AZyyhMEeKODRcy3ogv5s/H3Moaedt918fueqL0PgapyZAAAAAAAAAAAAAAAAAAAA"

typedef struct {
  VmmConfig config;
  Manifest manifest;
  VmmImage image;
  QemuPlan plan;
} Fixture;

static void set_up(Fixture *fixture, gconstpointer data) {
  (void)data;
  static char *no_urls[] = {NULL}, *kms_urls[] = {"https://kms", NULL};
  fixture->config = (VmmConfig){.qemu_path = "qemu-system-x86_64",
                                .user_net = "10.0.2.0/24",
                                .user_dhcp_start = "10.0.2.10",
                                .kms_urls = kms_urls,
                                .gateway_urls = no_urls,
                                .pccs_url = "",
                                .docker_registry = "",
                                .host_api_port = 10000,
                                .qemu_version = "10.0.2"};
  fixture->manifest = (Manifest){.vcpu = 2, .memory_mb = 2048, .kms_urls = no_urls, .gateway_urls = no_urls};
  fixture->manifest.ports = port_maps_new();
  PortMap map = {g_strdup("127.0.0.1"), FALSE, 8080, 80};
  g_array_append_val(fixture->manifest.ports, map);
  fixture->image = (VmmImage){.name = "dstack-0.5.5",
                              .dir = "I",
                              .kernel = "bzImage",
                              .initrd = "initramfs.cpio.gz",
                              .bios = "ovmf.fd",
                              .rootfs = "rootfs.img.verity",
                              .cmdline = "console=ttyS0 init=/init",
                              .digest = "ab",
                              .shared_ro = TRUE};
  fixture->plan = (QemuPlan){.config = &fixture->config,
                             .manifest = &fixture->manifest,
                             .image = &fixture->image,
                             .work_dir = "W",
                             .cid = 1001,
                             .kvm = TRUE,
                             .tdx = TRUE,
                             .share_mode = "9p",
                             .mr_config_id = MR_CONFIG_ID};
}

static void tear_down(Fixture *fixture, gconstpointer data) {
  (void)data;
  g_array_unref(fixture->manifest.ports);
}

static void check_args(const QemuPlan *plan, const char *expected) {
  g_autoptr(GError) error = NULL;
  g_auto(GStrv) argv = qemu_args_build(plan, &error);
  g_assert_no_error(error);
  g_autofree char *joined = g_strjoinv(" ", argv);
  g_assert_cmpstr(joined, ==, expected);
}

static void test_tdx(Fixture *fixture, gconstpointer data) {
  (void)data;
  check_args(&fixture->plan,
             "qemu-system-x86_64 -accel kvm -cpu host -nographic -nodefaults "
             "-chardev pty,id=com0,path=W/serial.pty,logfile=W/serial.log,logappend=on -serial chardev:com0 "
             "-bios I/ovmf.fd -kernel I/bzImage -initrd I/initramfs.cpio.gz "
             "-drive file=I/rootfs.img.verity,if=none,id=hd0,format=raw,readonly=on -device virtio-blk-pci,drive=hd0 "
             "-drive file=W/hda.img,if=none,id=hd1,format=qcow2 -device virtio-blk-pci,drive=hd1 "
             "-netdev user,id=net0,net=10.0.2.0/24,dhcpstart=10.0.2.10,restrict=no,hostfwd=tcp:127.0.0.1:8080-:80 "
             "-device virtio-net-pci,netdev=net0 "
             "-machine q35,kernel-irqchip=split,confidential-guest-support=tdx,hpet=off "
             "-object tdx-guest,id=tdx,mrconfigid=" MR_CONFIG_ID " "
             "-device vhost-vsock-pci,guest-cid=1001 "
             "-virtfs local,path=W/shared,mount_tag=host-shared,readonly=on,security_model=mapped,id=virtfs0 "
             "-smp 2 -m 2048M -append console=ttyS0 init=/init");
  g_auto(GStrv) argv = qemu_args_build(&fixture->plan, NULL);
  g_assert_cmpstr(argv[g_strv_length(argv) - 1], ==, "console=ttyS0 init=/init"); /* one argument */
}

static void test_simulated(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->plan.kvm = fixture->plan.tdx = FALSE;
  fixture->plan.user_vsock = TRUE;
  fixture->plan.share_mode = "vhd";
  fixture->plan.mr_config_id = NULL;
  check_args(&fixture->plan,
             "qemu-system-x86_64 -accel tcg,thread=multi,tb-size=1024 -cpu max -nographic -nodefaults -no-reboot "
             "-chardev pty,id=com0,path=W/serial.pty,logfile=W/serial.log,logappend=on -serial chardev:com0 "
             "-bios I/ovmf.fd -kernel I/bzImage -initrd I/initramfs.cpio.gz "
             "-drive file=I/rootfs.img.verity,if=none,id=hd0,format=raw,readonly=on -device virtio-blk-pci,drive=hd0 "
             "-drive file=W/hda.img,if=none,id=hd1,format=qcow2 -device virtio-blk-pci,drive=hd1 "
             "-netdev user,id=net0,net=10.0.2.0/24,dhcpstart=10.0.2.10,restrict=no,hostfwd=tcp:127.0.0.1:8080-:80 "
             "-device virtio-net-pci,netdev=net0,romfile= "
             "-chardev socket,id=vsock0,path=W/vhost-vsock.sock -device vhost-user-vsock-pci,chardev=vsock0 "
             "-drive file=W/shared.img,if=none,id=hd2,format=raw,readonly=on -device virtio-blk-pci,drive=hd2 "
             "-object memory-backend-memfd,id=ram1,size=2048M,share=on "
             "-machine q35,kernel-irqchip=split,hpet=off,memory-backend=ram1 "
             "-smp 2 -m 2048M -append console=ttyS0 init=/init");
}

static void test_options(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->config.hotplug_off = TRUE;
  fixture->config.pci_hole64_size = G_GUINT64_CONSTANT(0x8000000000);
  fixture->config.qmp_socket = TRUE;
  fixture->image.rootfs = "rootfs.iso";
  fixture->manifest.hugepages = TRUE;
  fixture->manifest.memory_mb = 3000;
  fixture->manifest.vcpu = 0;
  g_auto(GStrv) argv = qemu_args_build(&fixture->plan, NULL);
  g_autofree char *joined = g_strjoinv(" ", argv);
  static const char *const parts[] = {
      "-qmp unix:W/qmp.sock,server,wait=off -bios",
      "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off -global q35-pcihost.pci-hole64-size=0x8000000000 -cdrom "
      "I/rootfs.iso -drive",
      "-numa node,nodeid=0,cpus=0-0,memdev=mem0 -object memory-backend-file,id=mem0,size=2G,mem-path=/dev/hugepages,share=on,"
      "prealloc=yes,host-nodes=0,policy=bind -smp 1 -m 2048M"};
  for (guint i = 0; i < G_N_ELEMENTS(parts); i++)
    g_assert_nonnull(strstr(joined, parts[i]));
  fixture->image.rootfs = "rootfs.tar";
  g_autoptr(GError) error = NULL;
  g_assert_null(qemu_args_build(&fixture->plan, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
}

static void test_vm_config(Fixture *fixture, gconstpointer data) {
  (void)data;
  fixture->manifest.vcpu = 0; /* what QEMU really gets is what is reported */
  g_autofree char *text = vm_config_text(&fixture->plan);
  g_assert_cmpstr(text, ==,
                  "{\"spec_version\":1,\"os_image_hash\":\"ab\",\"cpu_count\":1,\"memory_size\":2147483648,"
                  "\"qemu_version\":\"10.0.2\",\"pci_hole64_size\":0,\"hugepages\":false,\"num_gpus\":0,\"num_nvswitches\":0,"
                  "\"hotplug_off\":false,\"image\":\"dstack-0.5.5\",\"host_share_mode\":\"9p\"}");
  g_autofree char *sys_config = sys_config_text(&fixture->plan, "{}");
  g_assert_cmpstr(sys_config, ==,
                  "{\"kms_urls\":[\"https://kms\"],\"gateway_urls\":[],\"pccs_url\":\"\",\"docker_registry\":\"\","
                  "\"host_api_url\":\"vsock://2:10000/api\",\"vm_config\":\"{}\"}");
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add("/vmm/qemu/tdx", Fixture, NULL, set_up, test_tdx, tear_down);
  g_test_add("/vmm/qemu/simulated", Fixture, NULL, set_up, test_simulated, tear_down);
  g_test_add("/vmm/qemu/options", Fixture, NULL, set_up, test_options, tear_down);
  g_test_add("/vmm/qemu/vm-config", Fixture, NULL, set_up, test_vm_config, tear_down);
  return g_test_run();
}
