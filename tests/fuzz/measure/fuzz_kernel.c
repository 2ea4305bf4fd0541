/* Kernel files: setup header and PE headers. */
#include "measure/kernel_image.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_SIZE (64 * 1024)

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size > MAX_SIZE)
    return 0;
  int fd = memfd_create("kernel", MFD_CLOEXEC);
  if (write(fd, data, size) != (ssize_t)size)
    abort();
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
  g_auto(KernelImage) kernel = {0};
  guint8 digest[48];
  if (kernel_image_open(&kernel, path, NULL)) {
    (void)kernel_image_authenticode(&kernel, digest, NULL);
    if (kernel_image_patch(&kernel, size * 64, G_GUINT64_CONSTANT(1) << 31, NULL))
      (void)kernel_image_authenticode(&kernel, digest, NULL);
  }
  close(fd);
  return 0;
}
