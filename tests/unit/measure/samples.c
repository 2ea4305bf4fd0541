#include "samples.h"

#include "base/hex.h"
#include "crypto/digest.h"
#include "measure/guid.h"

#include <string.h>

void assert_hex(const void *data, gsize len, const char *expected) {
  g_autofree char *hex = hex_encode(data, len);
  g_assert_cmpstr(hex, ==, expected);
}

void assert_sha384(const GByteArray *data, const char *expected) {
  guint8 digest[48];
  digest_sha384(data->data, data->len, digest);
  assert_hex(digest, sizeof digest, expected);
}

static void put_u32(guint8 *at, guint32 value) {
  for (guint i = 0; i < 4; i++)
    at[i] = (guint8)(value >> (8 * i));
}

static guint8 *put_section(guint8 *at, guint32 offset, guint32 raw, guint32 address, guint32 size, guint32 type,
                           guint32 attributes) {
  const guint32 words[] = {offset, raw, address, 0, size, 0, type, attributes};
  for (guint i = 0; i < G_N_ELEMENTS(words); i++)
    put_u32(at + 4 * i, words[i]);
  return at + sizeof words;
}

GBytes *sample_firmware(void) {
  const gsize size = 65536;
  guint8 *file = g_malloc(size);
  for (gsize i = 0; i < size; i++)
    file[i] = (guint8)(7 * i + 13 * (i >> 8));
  guint8 *at = file + 0x8000;
  memcpy(at, "TDVF", 4);
  put_u32(at + 4, 240), put_u32(at + 8, 1), put_u32(at + 12, 7);
  at = put_section(at + 16, 0, 0x4000, 0xffff0000, 0x4000, 0, 1);
  at = put_section(at, 0x4000, 0x2000, 0xffff4000, 0x2000, 1, 0);
  at = put_section(at, 0, 0, 0x810000, 0x10000, 3, 0);
  at = put_section(at, 0, 0, 0x80b000, 0x2000, 3, 0);
  at = put_section(at, 0, 0, 0x809000, 0x2000, 2, 0);
  at = put_section(at, 0, 0, 0x800000, 0x6000, 3, 0);
  put_section(at, 0, 0, 0x900000, 0x3000, 3, 2);
  guint8 *table = file + 65504 - 40;
  put_u32(table, 0x8000);
  memcpy(table + 4, "\x16\0", 2);
  guid_parse("e47a6535-984a-4798-865e-4685a7bf8ec2", table + 6);
  memcpy(table + 22, "\x28\0", 2);
  guid_parse("96b582de-1fb2-45f7-baea-a366c55a082d", table + 24);
  return g_bytes_new_take(file, size);
}

static void put_pe_section(guint8 *at, guint32 size, guint32 position) {
  memset(at, 0, 40);
  memcpy(at, ".sec", 4);
  put_u32(at + 8, size), put_u32(at + 16, size), put_u32(at + 20, position);
}

GBytes *sample_kernel(void) {
  const gsize size = 8192;
  guint8 *file = g_malloc(size);
  for (gsize i = 0; i < size; i++)
    file[i] = (guint8)(31 * i + 7);
  memcpy(file, "MZ", 2);
  put_u32(file + 0x3c, 0x80);
  memcpy(file + 0x80, "PE\0\0", 4);
  memcpy(file + 0x84, "\x64\x86\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\xa0\0\x06\x02", 20);
  memcpy(file + 0x98, "\x0b\x02", 2);
  put_u32(file + 0xd4, 0x400), put_u32(file + 0xd8, 0xdeadbeef), put_u32(file + 0x104, 6);
  memset(file + 0x128, 0, 8);
  put_pe_section(file + 0x138, 0x400, 0x1000);
  put_pe_section(file + 0x160, 0x800, 0x400);
  file[0x1f1] = 3;
  memcpy(file + 0x202, "HdrS", 4);
  memcpy(file + 0x206, "\x0f\x02", 2);
  file[0x210] = 0, file[0x211] = 1;
  memcpy(file + 0x236, "\x7f\0", 2);
  return g_bytes_new_take(file, size);
}

TdHobLayout standard_layout(void) {
  return (TdHobLayout){
      .base = 0x809000,
      .n_ranges = 4,
      .ranges = {{0x810000, 0x820000}, {0x80b000, 0x80d000}, {0x809000, 0x80b000}, {0x800000, 0x806000}}};
}

void sample_image_write(const char *dir, const char *name, const void *data, gsize len) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_assert_true(g_file_set_contents(path, data, (gssize)len, NULL));
}

static void add_file(const char *dir, const char *name, const void *data, gsize len, GString *sums) {
  guint8 digest[32];
  digest_sha256(data, len, digest);
  g_autofree char *hex = hex_encode(digest, sizeof digest);
  g_string_append_printf(sums, "%s  %s\n", hex, name);
  sample_image_write(dir, name, data, len);
}

static void add_bytes(const char *dir, const char *name, GBytes *bytes, GString *sums) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  add_file(dir, name, data, len, sums);
}

char *sample_image(GBytes *firmware, GBytes *kernel, GBytes *initrd, const char *cmdline, const char *metadata_more) {
  char *dir = g_dir_make_tmp("dstack-measure-XXXXXX", NULL);
  g_autoptr(GString) sums = g_string_new(NULL);
  g_autofree char *metadata =
      g_strdup_printf("{\"bios\":\"ovmf.fd\",\"kernel\":\"bzImage\",\"initrd\":\"initrd\",\"cmdline\":\"%s\"%s}",
                      cmdline, metadata_more);
  add_bytes(dir, "ovmf.fd", firmware, sums);
  add_bytes(dir, "bzImage", kernel, sums);
  add_bytes(dir, "initrd", initrd, sums);
  add_file(dir, "metadata.json", metadata, strlen(metadata), sums);
  sample_image_write(dir, "sha256sum.txt", sums->str, sums->len);
  return dir;
}
