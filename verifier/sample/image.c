#include "verifier/sample/image.h"

#include "base/file.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

#define FIRMWARE_SIZE 16384
#define KERNEL_SIZE 8192
#define FILE_MODE 0644

static void put(guint8 *at, const char *hex) {
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), NULL);
  memcpy(at, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* One page of variables and one of code, and the metadata that says so where TDX firmware has it. */
static GBytes *make_firmware(void) {
  guint8 *file = g_malloc(FIRMWARE_SIZE), *end = file + FIRMWARE_SIZE;
  for (gsize i = 0; i < FIRMWARE_SIZE; i++)
    file[i] = (guint8)(i * 13);
  put(end - 1024, "54445646"
                  "50000000"
                  "01000000"
                  "02000000"
                  "00100000"
                  "00100000"
                  "00f0ffff00000000"
                  "0010000000000000"
                  "00000000"
                  "01000000"
                  "00000000"
                  "00100000"
                  "00e0ffff00000000"
                  "0010000000000000"
                  "01000000"
                  "00000000");
  put(end - 72, "00040000"
                "1600"
                "35657ae44a989847865e4685a7bf8ec2"
                "2800"
                "de82b596b21ff745baeaa366c55a082d");
  return g_bytes_new_take(file, FIRMWARE_SIZE);
}

/* What a bzImage with an EFI stub shows a loader: a PE header without sections and the boot protocol's header. */
static GBytes *make_kernel(void) {
  guint8 *file = g_malloc0(KERNEL_SIZE);
  for (gsize i = 1024; i < KERNEL_SIZE; i++)
    file[i] = (guint8)(i * 5);
  put(file + 0x3c, "40000000");
  put(file + 0x40, "504500006486"
                   "0000");
  put(file + 0x40 + 20, "f000");
  put(file + 0x40 + 24, "0b02");
  put(file + 0x40 + 24 + 60, "00040000");
  put(file + 0x202, "48647253"
                    "0f02");
  file[0x211] = 1;
  return g_bytes_new_take(file, KERNEL_SIZE);
}

static gboolean add_file(const char *dir, const char *name, GBytes *content, GString *sums, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  gsize len;
  const void *data = g_bytes_get_data(content, &len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_string_append_printf(sums, "%s  %s\n", hex, name);
  return file_write_atomic(path, data, len, FILE_MODE, error);
}

static GBytes *make_metadata(const char *version) {
  char *text = g_strdup_printf("{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initramfs.cpio.gz\","
                               "\"cmdline\":\"console=ttyS0\",\"version\":\"%s\",\"is_dev\":true}",
                               version);
  return g_bytes_new_take(text, strlen(text));
}

gboolean sample_image_write(const char *dir, const char *version, guint8 hash[32], GError **error) {
  g_autoptr(GString) sums = g_string_new(NULL);
  g_autoptr(GBytes) firmware = make_firmware(), kernel = make_kernel(), initrd = g_bytes_new_static("an initrd", 9),
                    metadata = make_metadata(version);
  g_autofree char *sums_path = g_build_filename(dir, "sha256sum.txt", NULL);
  if (!file_make_dirs(dir, 0755, error) || !add_file(dir, "ovmf.fd", firmware, sums, error) ||
      !add_file(dir, "bzImage", kernel, sums, error) || !add_file(dir, "initramfs.cpio.gz", initrd, sums, error) ||
      !add_file(dir, "metadata.json", metadata, sums, error))
    return FALSE;
  digest_sha256(sums->str, sums->len, hash);
  return file_write_atomic(sums_path, sums->str, sums->len, FILE_MODE, error);
}
