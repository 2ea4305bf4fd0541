/* What predicting measurements costs beside hashing the image's files: 4 MiB of firmware, a kernel of 15 MiB, an initrd
 * of 30 MiB, each hashed once with SHA-384.
 *
 * Both sides are whole processes, started in turns; the best of each counts, so that what else runs here hits both
 * alike. The measuring side also hashes what the TDX module puts between the firmware's chunks, and makes the ACPI
 * tables. */
#include "base/file.h"
#include "base/hex.h"
#include "base/process.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024 * 1024)
#define N_ROUNDS 15
#define CHUNK (128 * 1024)
#define LIMIT 1.10

static const struct {
  const char *name;
  gsize size;
} parts[] = {{"ovmf.fd", 4 * MIB}, {"bzImage", 15 * MIB}, {"initramfs.cpio.gz", 30 * MIB}};

static void put_hex(guint8 *at, const char *hex) {
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), NULL);
  memcpy(at, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

/* The sections of the usual firmware: 0x37c000 bytes of code, 0x84000 of variables. */
static void make_firmware(guint8 *file, gsize size) {
  put_hex(file + size - 1024, "54445646"
                              "90000000"
                              "01000000"
                              "03000000"
                              "00400800"
                              "00c03700"
                              "0040c8ff00000000"
                              "00c0370000000000"
                              "00000000"
                              "01000000"
                              "00000000"
                              "00400800"
                              "0000c0ff00000000"
                              "0040080000000000"
                              "01000000"
                              "00000000"
                              "00000000"
                              "00000000"
                              "0090800000000000"
                              "0020000000000000"
                              "02000000"
                              "00000000");
  put_hex(file + size - 72, "00040000"
                            "1600"
                            "35657ae44a989847865e4685a7bf8ec2"
                            "2800"
                            "de82b596b21ff745baeaa366c55a082d");
}

/* A PE image with one section that covers all behind the headers. */
static void make_kernel(guint8 *file, gsize size) {
  memset(file, 0, 4096);
  put_hex(file + 0x3c, "40000000");
  put_hex(file + 0x40, "50450000"
                       "6486"
                       "0100");
  put_hex(file + 0x40 + 20, "f000");
  put_hex(file + 0x40 + 24, "0b02");
  put_hex(file + 0x40 + 24 + 60, "00100000");
  const guint32 section[] = {(guint32)size - 4096, 4096};
  memcpy(file + 0x40 + 24 + 0xf0 + 16, section, sizeof section);
  put_hex(file + 0x202, "48647253"
                        "0f02");
  file[0x211] = 1;
  file[0x236] = 0x7f;
}

static void make_image(const char *dir) {
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    g_autofree guint8 *data = g_malloc(parts[i].size);
    for (gsize at = 0; at < parts[i].size; at++)
      data[at] = (guint8)(at * 131 + (at >> 11));
    if (i == 0)
      make_firmware(data, parts[i].size);
    if (i == 1)
      make_kernel(data, parts[i].size);
    g_autofree char *path = g_build_filename(dir, parts[i].name, NULL);
    g_assert_true(g_file_set_contents(path, (const char *)data, (gssize)parts[i].size, NULL));
  }
  g_autofree char *metadata = g_build_filename(dir, "metadata.json", NULL);
  g_assert_true(g_file_set_contents(metadata,
                                    "{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initramfs.cpio.gz\","
                                    "\"cmdline\":\"console=ttyS0\"}",
                                    -1, NULL));
}

/* The other side: reads and hashes the files named, and prints the digests. */
static int hash_files(char **paths) {
  g_autofree guint8 *chunk = g_malloc(CHUNK);
  for (; *paths; paths++) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    guint8 out[48];
    EVP_DigestInit_ex(digest, EVP_sha384(), NULL);
    int fd = open(*paths, O_RDONLY | O_CLOEXEC);
    for (ssize_t n; (n = read(fd, chunk, CHUNK)) > 0;)
      EVP_DigestUpdate(digest, chunk, (gsize)n);
    EVP_DigestFinal_ex(digest, out, NULL);
    EVP_MD_CTX_free(digest);
    close(fd);
    g_autofree char *hex = hex_encode(out, sizeof out);
    (void)printf("%s  %s\n", hex, *paths);
  }
  return 0;
}

static gdouble time_run(const char *const *argv) {
  g_autoptr(GError) error = NULL;
  gint64 start = g_get_monotonic_time();
  if (!process_check(argv, NULL, &error))
    g_error("%s", error->message);
  return (gdouble)(g_get_monotonic_time() - start) / 1000;
}

int main(int argc, char **argv) {
  if (argc > 2 && strcmp(argv[1], "--hash") == 0)
    return hash_files(argv + 2);
  g_autofree char *dir = g_dir_make_tmp("dstack-bench-XXXXXX", NULL);
  make_image(dir);
  g_autofree char *firmware = g_build_filename(dir, parts[0].name, NULL);
  g_autofree char *kernel = g_build_filename(dir, parts[1].name, NULL);
  g_autofree char *initrd = g_build_filename(dir, parts[2].name, NULL);
  const char *const measure[] = {
      g_getenv("DSTACK_MR_PROGRAM"), "measure", "--image", dir, "--cpu", "2", "--memory", "4G", "--json", NULL};
  const char *const hash[] = {"/proc/self/exe", "--hash", firmware, kernel, initrd, NULL};
  gdouble measuring = G_MAXDOUBLE, hashing = G_MAXDOUBLE;
  for (guint i = 0; i < N_ROUNDS; i++) {
    hashing = MIN(hashing, time_run(hash));
    measuring = MIN(measuring, time_run(measure));
  }
  g_print("hashing firmware, kernel and initrd      %10.1f ms\n", hashing);
  g_print("dstack-mr measure                        %10.1f ms\n", measuring);
  g_print("measuring / hashing                      %10.3f   (at most %.2f)\n", measuring / hashing, LIMIT);
  g_assert_true(file_remove_tree(dir, NULL));
  return measuring <= LIMIT * hashing ? 0 : 1;
}
