#include "image_digests.h"

#include "boot_log.h"
#include "file_range.h"
#include "kernel_image.h"
#include "tdvf.h"

#include "base/error.h"
#include "base/file.h"

#define MAX_FIRMWARE (64 << 20)
#define MAX_INITRD ((G_GUINT64_CONSTANT(4) << 30) - 1) /* the boot protocol has 32 bits for it */

gboolean image_firmware_facts(const OsImage *image, gboolean two_pass, FirmwareFacts *out, GError **error) {
  if (!image->bios) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the image has no firmware, so it can not be measured");
    return FALSE;
  }
  g_autofree char *path = g_build_filename(image->dir, image->bios, NULL);
  g_autoptr(GBytes) firmware = file_read(path, MAX_FIRMWARE, error);
  g_autoptr(Tdvf) tdvf = firmware ? tdvf_parse(firmware, error) : NULL;
  if (!tdvf || !tdvf_td_hob_layout(tdvf, &out->td_hob, error) || !tdvf_cfv_digest(tdvf, out->cfv, error))
    return FALSE;
  tdvf_mrtd(tdvf, two_pass, out->mrtd);
  return TRUE;
}

gboolean image_kernel_facts(const OsImage *image, guint64 memory_size, gboolean patched, KernelFacts *out,
                            GError **error) {
  if (!image->cmdline) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "metadata.json has no cmdline, so the image can not be measured");
    return FALSE;
  }
  g_autofree char *kernel_path = g_build_filename(image->dir, image->kernel, NULL);
  g_autofree char *initrd_path = g_build_filename(image->dir, image->initrd, NULL);
  g_auto(KernelImage) kernel = {0};
  g_auto(RangeFile) initrd = {0};
  return boot_log_hash_cmdline(image->cmdline, out->cmdline, error) &&
         range_file_open(&initrd, initrd_path, MAX_INITRD, error) && kernel_image_open(&kernel, kernel_path, error) &&
         (!patched || kernel_image_patch(&kernel, initrd.size, memory_size, error)) &&
         kernel_image_authenticode(&kernel, out->kernel, error) && range_file_sha384(&initrd, out->initrd, error);
}
