#include "luks.h"

#include "base/error.h"
#include "base/log.h"
#include "base/reader.h"
#include "luks_header.h"
#include "luks_metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <libcryptsetup.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PASSPHRASE_SIZE 64 /* the disk key in hex */
#define DISK_KEY_SIZE 32
#define HEADER_BLOCK 4096
/* Both header copies and the keyslot of a disk of ours end well before; what lies behind is never read, so that a boot
 * does not wait for 16 MiB. A keyslot further back does not open. */
#define HEADER_AREA_SIZE (1024 * 1024)
#define METADATA_SIZE 16384
#define KEYSLOTS_SIZE                                                                                                  \
  262144 /* one keyslot; libcryptsetup fills the area with random bytes, and the default is 16 MiB */
#define HEADER_SIZE_OFFSET 8
/* The key has 256 bits of entropy: stretching it would only cost boot time. This is libcryptsetup's lower bound. */
#define PBKDF_ITERATIONS 1000

struct LuksHeader {
  int fd;        /* a memfd of LUKS_PAYLOAD_OFFSET bytes */
  char path[32]; /* its name for libcryptsetup */
};

typedef struct crypt_device CryptDevice;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CryptDevice, crypt_free)

void luks_header_free(LuksHeader *header) {
  if (!header)
    return;
  (void)close(header->fd); /* memory: nothing to lose */
  g_free(header);
}

static LuksHeader *header_new(GError **error) {
  LuksHeader *header = g_new0(LuksHeader, 1);
  header->fd = memfd_create("luks-header", MFD_CLOEXEC);
  if (header->fd < 0 || ftruncate(header->fd, LUKS_PAYLOAD_OFFSET) != 0) {
    dstack_set_errno(error, errno, "failed to make memory for the disk header");
    luks_header_free(header);
    return NULL;
  }
  g_snprintf(header->path, sizeof header->path, "/proc/self/fd/%d", header->fd);
  return header;
}

/* A shorter device gives less. */
static GBytes *read_area(int fd, const char *name, GError **error) {
  g_autofree guint8 *area = g_malloc(HEADER_AREA_SIZE);
  gsize done = 0;
  while (done < HEADER_AREA_SIZE) {
    ssize_t n = pread(fd, area + done, HEADER_AREA_SIZE - done, (off_t)done);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      dstack_set_errno(error, errno, "failed to read %s", name);
      return NULL;
    }
    if (n == 0)
      break;
    done += (gsize)n;
  }
  return g_bytes_new_take(g_steal_pointer(&area), done);
}

static GBytes *read_device_area(const char *device, GError **error) {
  int fd = open(device, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", device);
    return NULL;
  }
  GBytes *area = read_area(fd, device, error);
  (void)close(fd); /* opened for reading: nothing to lose */
  return area;
}

static gboolean write_at(int fd, const guint8 *data, gsize len, gsize offset, const char *name, GError **error) {
  for (gsize done = 0; done < len;) {
    ssize_t n = pwrite(fd, data + done, len - done, (off_t)(offset + done));
    if (n > 0)
      done += (gsize)n;
    else if (errno != EINTR) {
      dstack_set_errno(error, errno, "failed to write %s", name);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean luks_probe(const char *device, gboolean *present, GError **error) {
  int fd = open(device, O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    dstack_set_errno(error, errno, "failed to open %s", device);
    return FALSE;
  }
  gsize n;
  const gsize *offsets = luks_header_offsets(&n);
  *present = FALSE;
  gboolean read_all = TRUE;
  for (gsize i = 0; i < n && read_all; i++) {
    guint8 magic[LUKS_MAGIC_SIZE] = {0}; /* stays so behind the end of a small device */
    read_all = pread(fd, magic, sizeof magic, (off_t)offsets[i]) >= 0;
    *present = *present || luks_magic_at(magic, offsets[i]);
  }
  if (!read_all)
    dstack_set_errno(error, errno, "failed to read %s", device);
  (void)close(fd); /* opened for reading: nothing to lose */
  return read_all;
}

LuksHeader *luks_header_read(const char *device, GError **error) {
  g_autoptr(GBytes) area = read_device_area(device, error);
  if (!area)
    return NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data(area, &len);
  if (!luks_header_check(data, len, error))
    return NULL;
  g_autoptr(LuksHeader) header = header_new(error);
  if (!header || !write_at(header->fd, data, len, 0, "the header's copy", error))
    return NULL;
  return g_steal_pointer(&header);
}

static void log_message(int level, const char *message, void *user_data) {
  (void)user_data; /* none was given */
  g_autofree char *text = g_strchomp(g_strdup(message));
  if (level == CRYPT_LOG_ERROR)
    log_warn("cryptsetup: %s", text);
  else
    log_debug("cryptsetup: %s", text);
}

static gboolean crypt_error(GError **error, int result, const char *what) {
  dstack_set_errno(error, -result, "failed to %s", what);
  return FALSE;
}

static CryptDevice *crypt_device_new(LuksHeader *header, const char *device, GError **error) {
  CryptDevice *crypt = NULL;
  crypt_set_log_callback(NULL, log_message, NULL);
  int result = crypt_init_data_device(&crypt, header->path, device);
  if (result >= 0)
    return crypt;
  crypt_error(error, result, "prepare the data disk");
  return NULL;
}

static Secret *passphrase_of(const Secret *disk_key, GError **error) {
  if (secret_len(disk_key) != DISK_KEY_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the disk key is not 32 bytes");
    return NULL;
  }
  static const char digits[] = "0123456789abcdef";
  Secret *passphrase = secret_new_zero(PASSPHRASE_SIZE);
  for (gsize i = 0; i < DISK_KEY_SIZE; i++) {
    secret_data(passphrase)[2 * i] = (guint8)digits[secret_peek(disk_key)[i] >> 4];
    secret_data(passphrase)[2 * i + 1] = (guint8)digits[secret_peek(disk_key)[i] & 15];
  }
  return passphrase;
}

static gboolean format(CryptDevice *crypt, const Secret *passphrase, GError **error) {
  const struct crypt_pbkdf_type pbkdf = {
      .type = CRYPT_KDF_PBKDF2, .hash = "sha256", .iterations = PBKDF_ITERATIONS, .flags = CRYPT_PBKDF_NO_BENCHMARK};
  struct crypt_params_luks2 parameters = {.pbkdf = &pbkdf, .sector_size = LUKS_SECTOR_SIZE};
  crypt_set_rng_type(crypt, CRYPT_RNG_URANDOM);
  int result = crypt_set_data_offset(crypt, LUKS_PAYLOAD_OFFSET / LUKS_SECTOR_SIZE);
  if (result >= 0)
    result = crypt_set_metadata_size(crypt, METADATA_SIZE, KEYSLOTS_SIZE);
  if (result >= 0)
    result = crypt_format(crypt, CRYPT_LUKS2, "aes", "xts-plain64", NULL, NULL, LUKS_KEY_SIZE, &parameters);
  if (result >= 0)
    result = crypt_keyslot_set_encryption(crypt, LUKS_CIPHER, LUKS_KEY_SIZE);
  if (result >= 0)
    result = crypt_keyslot_add_by_volume_key(crypt, 0, NULL, 0, (const char *)secret_peek(passphrase),
                                             secret_len(passphrase));
  return result >= 0 || crypt_error(error, result, "make the data disk's header");
}

LuksHeader *luks_header_create(const char *device, const Secret *disk_key, GError **error) {
  g_autoptr(Secret) passphrase = passphrase_of(disk_key, error);
  g_autoptr(LuksHeader) header = passphrase ? header_new(error) : NULL;
  if (!header)
    return NULL;
  g_autoptr(CryptDevice) crypt = crypt_device_new(header, device, error);
  if (!crypt || !format(crypt, passphrase, error))
    return NULL;
  g_autoptr(GBytes) area = read_area(header->fd, "the new header", error);
  if (!area)
    return NULL;
  gsize len;
  const guint8 *data = g_bytes_get_data(area, &len);
  return luks_header_check(data, len, error) ? g_steal_pointer(&header) : NULL;
}

gboolean luks_open(LuksHeader *header, const char *device, const Secret *disk_key, const char *name, GError **error) {
  g_autoptr(Secret) passphrase = passphrase_of(disk_key, error);
  g_autoptr(CryptDevice) crypt = passphrase ? crypt_device_new(header, device, error) : NULL;
  if (!crypt)
    return FALSE;
  int result = crypt_load(crypt, CRYPT_LUKS2, NULL);
  if (result < 0)
    return crypt_error(error, result, "load the data disk's header");
  result = crypt_activate_by_passphrase(crypt, name, CRYPT_ANY_SLOT, (const char *)secret_peek(passphrase),
                                        secret_len(passphrase), 0);
  if (result == -EPERM) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "the app's disk key does not open this data disk");
    return FALSE;
  }
  return result >= 0 || crypt_error(error, result, "open the data disk");
}

static gboolean sync_device(int fd, const char *device, GError **error) {
  if (fsync(fd) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to sync %s", device);
  return FALSE;
}

/* Everything but the two blocks with the magics first: until those are there, a boot takes the disk for an empty one.
 */
static gboolean write_in_order(int fd, const guint8 *area, gsize len, const char *device, GError **error) {
  Reader reader = reader_init(area, len);
  (void)reader_skip(&reader, HEADER_SIZE_OFFSET); /* checked when the header was made */
  gsize second = reader_u64be(&reader);
  g_autofree guint8 *blanked = g_memdup2(area, len);
  memset(blanked, 0, HEADER_BLOCK);
  memset(blanked + second, 0, HEADER_BLOCK);
  return write_at(fd, blanked, len, 0, device, error) && sync_device(fd, device, error) &&
         write_at(fd, area + second, HEADER_BLOCK, second, device, error) &&
         write_at(fd, area, HEADER_BLOCK, 0, device, error) && sync_device(fd, device, error);
}

gboolean luks_header_write(LuksHeader *header, const char *device, GError **error) {
  g_autoptr(GBytes) content = read_area(header->fd, "the new header", error);
  int fd = content ? open(device, O_WRONLY | O_CLOEXEC) : -1;
  if (fd < 0) {
    if (content)
      dstack_set_errno(error, errno, "failed to open %s", device);
    return FALSE;
  }
  gsize len;
  g_autofree guint8 *area = g_bytes_unref_to_data(g_steal_pointer(&content), &len);
  gboolean written = write_in_order(fd, area, len, device, error);
  if (close(fd) != 0 && written) {
    dstack_set_errno(error, errno, "failed to close %s", device);
    written = FALSE;
  }
  return written;
}
