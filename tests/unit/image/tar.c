#include "tar.h"

#include <string.h>
#include <zlib.h>

#define BLOCK 512

static void set_checksum(guint8 *block) {
  guint sum = 0;
  memset(block + 148, ' ', 8);
  for (guint i = 0; i < BLOCK; i++)
    sum += block[i];
  g_autofree char *text = g_strdup_printf("%06o", sum);
  memcpy(block + 148, text, 7);
}

static void add_member(GByteArray *out, const TarMember *member) {
  guint8 block[BLOCK] = {0};
  g_autofree char *size = member->size ? g_strdup(member->size) : g_strdup_printf("%011o", (guint)member->len);
  memcpy(block, member->name, MIN(strlen(member->name), 100));
  memcpy(block + 100, "0000644", 7);
  memcpy(block + 108, "0000000", 7);
  memcpy(block + 116, "0000000", 7);
  memcpy(block + 124, size, MIN(strlen(size), 12));
  memcpy(block + 136, "00000000000", 11);
  block[156] = (guint8)member->type;
  memcpy(block + 257,
         "ustar\0"
         "00",
         8);
  set_checksum(block);
  g_byte_array_append(out, block, BLOCK);
  if (!member->content)
    return;
  static const guint8 zeros[BLOCK];
  g_byte_array_append(out, member->content, (guint)member->len);
  g_byte_array_append(out, zeros, (guint)(BLOCK - member->len % BLOCK) % BLOCK);
}

GByteArray *tar_build(const TarMember *members, gsize n) {
  GByteArray *out = g_byte_array_new();
  static const guint8 end[2 * BLOCK];
  for (gsize i = 0; i < n; i++)
    add_member(out, &members[i]);
  g_byte_array_append(out, end, sizeof end);
  return out;
}

GBytes *gzip_bytes(const void *data, gsize len) {
  z_stream stream = {0};
  g_assert_cmpint(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY), ==, Z_OK);
  gsize bound = deflateBound(&stream, len);
  guint8 *out = g_malloc(bound);
  stream.next_in = (guint8 *)data, stream.avail_in = (guint)len;
  stream.next_out = out, stream.avail_out = (guint)bound;
  g_assert_cmpint(deflate(&stream, Z_FINISH), ==, Z_STREAM_END);
  gsize written = stream.total_out;
  deflateEnd(&stream);
  return g_bytes_new_take(out, written);
}

GBytes *tar_gz(const TarMember *members, gsize n) {
  g_autoptr(GByteArray) tar = tar_build(members, n);
  return gzip_bytes(tar->data, tar->len);
}
