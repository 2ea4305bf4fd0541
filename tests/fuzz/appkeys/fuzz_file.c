/* The app keys file, from a file in memory. */
#include "appkeys/appkeys.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len);

int LLVMFuzzerTestOneInput(const guint8 *data, gsize len) {
  const int fd = memfd_create("keys", MFD_CLOEXEC);
  if (fd < 0 || write(fd, data, len) != (ssize_t)len)
    g_error("no memory file");
  g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
  g_autoptr(AppKeys) keys = app_keys_load(path, NULL);
  if (keys) {
    g_autoptr(GBytes) id = app_keys_provider_id(keys);
    g_assert_nonnull(id);
  }
  close(fd);
  return 0;
}
