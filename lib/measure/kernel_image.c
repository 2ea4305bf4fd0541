#include "kernel_image.h"

#include "base/error.h"
#include "bytes.h"

#include <openssl/evp.h>
#include <string.h>

enum {
  MIN_KERNEL = 0x1000,
  MIN_PROTOCOL = 0x20c,
  ACPI_DATA_SIZE = 0x28000,
  REAL_MODE_ADDRESS = 0x10000,
  CMDLINE_ADDRESS = 0x20000,
  MAX_SECTIONS = 96,
  SECTION_SIZE = 40,
};

static gboolean invalid(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "kernel: %s", why);
  return FALSE;
}

static guint32 read_le(const guint8 *data, gsize at, guint size) {
  guint32 value = 0;
  for (guint i = 0; i < size; i++)
    value |= (guint32)data[at + i] << (8 * i);
  return value;
}

static gboolean place_initrd(GByteArray *image, guint64 initrd_size, guint64 memory_size, GError **error) {
  /* XLF_CAN_BE_LOADED_ABOVE_4G lifts the limit of the header. */
  guint64 limit = read_le(image->data, 0x236, 2) & 0x40 ? 0xffffffff : 0x37ffffff;
  guint64 lowmem = memory_size < 0xb0000000 ? 0xb0000000 : 0x80000000;
  guint64 below_4g = MIN(memory_size, lowmem);
  if (below_4g < ACPI_DATA_SIZE)
    return invalid(error, "memory is too small");
  if (limit >= below_4g - ACPI_DATA_SIZE)
    limit = below_4g - ACPI_DATA_SIZE - 1;
  if (initrd_size >= limit)
    return invalid(error, "initrd is too large for the memory");
  set_le(image, 0x218, (limit - initrd_size) & ~(guint64)0xfff, 4);
  set_le(image, 0x21c, initrd_size, 4);
  return TRUE;
}

GByteArray *kernel_image_patch(GBytes *kernel, guint64 initrd_size, guint64 memory_size, GError **error) {
  gsize len;
  const guint8 *data = g_bytes_get_data(kernel, &len);
  if (len < MIN_KERNEL || memcmp(data + 0x202, "HdrS", 4) != 0 || read_le(data, 0x206, 2) < MIN_PROTOCOL ||
      !(data[0x211] & 1)) {
    invalid(error, "not a bzImage of boot protocol 2.12 or later");
    return NULL;
  }
  g_autoptr(GByteArray) image = g_byte_array_sized_new((guint)len);
  put_bytes(image, data, len);
  image->data[0x210] = 0xb0;  /* loader: QEMU */
  image->data[0x211] |= 0x80; /* heap may be used */
  set_le(image, 0x224, CMDLINE_ADDRESS - REAL_MODE_ADDRESS - 0x200, 4);
  set_le(image, 0x228, CMDLINE_ADDRESS, 4);
  if (initrd_size > 0 && !place_initrd(image, initrd_size, memory_size, error))
    return NULL;
  return g_steal_pointer(&image);
}

typedef struct {
  guint32 size, at;
} Section;

static gint by_position(gconstpointer a, gconstpointer b) {
  const Section *x = a, *y = b;
  return x->at == y->at ? 0 : x->at < y->at ? -1 : 1;
}

typedef struct {
  gsize checksum, certificates, header_size; /* offsets; size */
  Section sections[MAX_SECTIONS];
  guint n_sections;
  guint32 certificates_size;
} PeLayout;

static gboolean read_layout(const guint8 *data, gsize len, PeLayout *layout, GError **error) {
  gsize pe = len >= 0x40 ? read_le(data, 0x3c, 4) : len;
  if (pe > len || len - pe < 24 + 0xf0 || memcmp(data + pe, "PE\0\0", 4) != 0)
    return invalid(error, "not a pe image");
  guint n = read_le(data, pe + 6, 2), optional_size = read_le(data, pe + 20, 2);
  gsize optional = pe + 24;
  gboolean plus = read_le(data, optional, 2) == 0x20b;
  gsize directory = optional + (plus ? 112 : 96) + 32, table = optional + optional_size;
  layout->checksum = optional + 64;
  layout->certificates = directory;
  layout->header_size = read_le(data, optional + 60, 4);
  if (n > MAX_SECTIONS || table > len || (gsize)n * SECTION_SIZE > len - table || directory + 8 > len ||
      layout->header_size > len || layout->header_size < directory + 8)
    return invalid(error, "pe headers lie outside of the file");
  layout->certificates_size = read_le(data, directory, 4) > 0 ? read_le(data, directory + 4, 4) : 0;
  layout->n_sections = 0;
  for (guint i = 0; i < n; i++) {
    Section section = {read_le(data, table + i * SECTION_SIZE + 16, 4),
                       read_le(data, table + i * SECTION_SIZE + 20, 4)};
    if (section.size == 0)
      continue;
    if (section.at > len)
      return invalid(error, "pe section lies outside of the file");
    layout->sections[layout->n_sections++] = section;
  }
  return TRUE;
}

static void hash_sections(EVP_MD_CTX *digest, const guint8 *data, gsize len, const PeLayout *layout) {
  g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(Section));
  g_array_append_vals(sorted, layout->sections, layout->n_sections);
  g_array_sort(sorted, by_position);
  for (guint i = 0; i < sorted->len; i++) {
    const Section *section = &g_array_index(sorted, Section, i);
    EVP_DigestUpdate(digest, data + section->at, MIN(section->size, len - section->at));
  }
}

/* What lies behind the sections counts only when a certificate table follows it. */
static void hash_rest(EVP_MD_CTX *digest, const guint8 *data, gsize len, const PeLayout *layout) {
  guint64 sum = layout->header_size;
  for (guint i = 0; i < layout->n_sections; i++)
    sum += layout->sections[i].size;
  if (layout->certificates_size > 0 && len > sum && len - sum > layout->certificates_size)
    EVP_DigestUpdate(digest, data + sum, len - sum - layout->certificates_size);
  static const guint8 zeros[8];
  if (len % 8)
    EVP_DigestUpdate(digest, zeros, 8 - len % 8);
}

gboolean kernel_image_authenticode(const guint8 *data, gsize len, guint8 out[48], GError **error) {
  PeLayout layout;
  if (!read_layout(data, len, &layout, error))
    return FALSE;
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha384(), NULL);
  EVP_DigestUpdate(digest, data, layout.checksum);
  EVP_DigestUpdate(digest, data + layout.checksum + 4, layout.certificates - layout.checksum - 4);
  EVP_DigestUpdate(digest, data + layout.certificates + 8, layout.header_size - layout.certificates - 8);
  hash_sections(digest, data, len, &layout);
  hash_rest(digest, data, len, &layout);
  EVP_DigestFinal_ex(digest, out, NULL);
  EVP_MD_CTX_free(digest);
  return TRUE;
}
