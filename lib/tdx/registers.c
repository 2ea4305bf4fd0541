#include "tdx/registers.h"

#include "base/error.h"
#include "base/file.h"
#include "tdx/guest_device.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static gboolean check_index(guint index, guint first, GError **error) {
  if (index >= first && index < TDX_N_RTMRS)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "rtmr%u can not be used by the guest", index);
  return FALSE;
}

static gboolean is_in_sysfs(const char *directory, gboolean only_sysfs) {
  return only_sysfs || g_file_test(directory, G_FILE_TEST_IS_DIR);
}

static char *register_path(const char *directory, guint index) {
  return g_strdup_printf("%s/rtmr%u:sha384", directory, index);
}

gboolean registers_extend(const char *directory, gboolean only_sysfs, guint index, const guint8 digest[TDX_MR_SIZE],
                          GError **error) {
  if (!check_index(index, REGISTERS_FIRST_OF_GUEST, error))
    return FALSE;
  if (!is_in_sysfs(directory, only_sysfs))
    return guest_device_extend(index, digest, error);
  g_autofree char *path = register_path(directory, index);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  gboolean written = fd >= 0 && write(fd, digest, TDX_MR_SIZE) == TDX_MR_SIZE;
  int saved = errno;
  if (fd >= 0 && close(fd) != 0 && written) {
    written = FALSE;
    saved = errno;
  }
  if (!written)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "failed to extend %s: %s", path, g_strerror(saved));
  return written;
}

gboolean registers_read(const char *directory, gboolean only_sysfs, guint index, guint8 out[TDX_MR_SIZE],
                        GError **error) {
  if (!check_index(index, 0, error))
    return FALSE;
  if (!is_in_sysfs(directory, only_sysfs))
    return guest_device_read(index, out, error);
  g_autofree char *path = register_path(directory, index);
  g_autoptr(GBytes) value = file_read(path, TDX_MR_SIZE, error);
  if (!value)
    return FALSE;
  if (g_bytes_get_size(value) != TDX_MR_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "%s: not a register of %d bytes", path, TDX_MR_SIZE);
    return FALSE;
  }
  memcpy(out, g_bytes_get_data(value, NULL), TDX_MR_SIZE);
  return TRUE;
}
