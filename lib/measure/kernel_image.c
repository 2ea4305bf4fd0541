#include "kernel_image.h"

#include "base/error.h"

#include <string.h>

enum {
  MIN_KERNEL = 0x1000,
  MIN_PROTOCOL = 0x20c,
  ACPI_DATA_SIZE = 0x28000,
  REAL_MODE_ADDRESS = 0x10000,
  CMDLINE_ADDRESS = 0x20000,
  DEFAULT_INITRD_LIMIT = 0x37ffffff,
  MAX_SECTIONS = 96,
  SECTION_SIZE = 40,
  PE_FIXED_SIZE = 24 + 0xf0,
};
#define MAX_KERNEL (G_GUINT64_CONSTANT(256) << 20)

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

static void write_le(guint8 *data, gsize at, guint64 value, guint size) {
  for (guint i = 0; i < size; i++)
    data[at + i] = (guint8)(value >> (8 * i));
}

gboolean kernel_image_open(KernelImage *kernel, const char *path, GError **error) {
  if (!range_file_open(&kernel->file, path, MAX_KERNEL, error))
    return FALSE;
  kernel->head_len = (gsize)MIN(kernel->file.size, KERNEL_HEAD_SIZE);
  if (range_file_read(&kernel->file, 0, kernel->head, kernel->head_len, error))
    return TRUE;
  kernel_image_close(kernel);
  return FALSE;
}

void kernel_image_close(KernelImage *kernel) { range_file_close(&kernel->file); }

static gboolean place_initrd(guint8 *head, guint64 initrd_size, guint64 memory_size, GError **error) {
  /* QEMU looks at the bit for loading above 4 GiB; every kernel that has it also has the one the reference tests. */
  guint64 limit = read_le(head, 0x236, 2) & 0x02 ? 0xffffffff : read_le(head, 0x22c, 4);
  if (limit == 0)
    limit = DEFAULT_INITRD_LIMIT;
  guint64 lowmem = memory_size < 0xb0000000 ? 0xb0000000 : 0x80000000;
  guint64 below_4g = MIN(memory_size, lowmem);
  if (below_4g < ACPI_DATA_SIZE)
    return invalid(error, "memory is too small");
  if (limit >= below_4g - ACPI_DATA_SIZE)
    limit = below_4g - ACPI_DATA_SIZE - 1;
  if (initrd_size >= limit)
    return invalid(error, "initrd is too large for the memory");
  write_le(head, 0x218, (limit - initrd_size) & ~(guint64)0xfff, 4);
  write_le(head, 0x21c, initrd_size, 4);
  return TRUE;
}

gboolean kernel_image_patch(KernelImage *kernel, guint64 initrd_size, guint64 memory_size, GError **error) {
  guint8 *head = kernel->head;
  if (kernel->head_len < MIN_KERNEL || memcmp(head + 0x202, "HdrS", 4) != 0 || read_le(head, 0x206, 2) < MIN_PROTOCOL ||
      !(head[0x211] & 1))
    return invalid(error, "not a bzImage of boot protocol 2.12 or later");
  head[0x210] = 0xb0;  /* loader: QEMU */
  head[0x211] |= 0x80; /* heap may be used */
  write_le(head, 0x224, CMDLINE_ADDRESS - REAL_MODE_ADDRESS - 0x200, 4);
  write_le(head, 0x228, CMDLINE_ADDRESS, 4);
  return initrd_size == 0 || place_initrd(head, initrd_size, memory_size, error);
}

typedef struct {
  guint32 size, at;
} Section;

static gint by_position(gconstpointer a, gconstpointer b) {
  const Section *x = a, *y = b;
  return x->at == y->at ? 0 : x->at < y->at ? -1 : 1;
}

typedef struct {
  guint64 checksum, certificates, header_size; /* offsets; size */
  Section sections[MAX_SECTIONS];
  guint n_sections;
  guint32 certificates_size;
} PeLayout;

/* The PE headers, wherever in the file they are; those in the head as it stands there. */
static gboolean read_at(const KernelImage *kernel, guint64 at, void *out, gsize len, GError **error) {
  if (at > kernel->file.size || len > kernel->file.size - at)
    return invalid(error, "pe headers lie outside of the file");
  gsize from_head = at < kernel->head_len ? (gsize)MIN(kernel->head_len - at, len) : 0;
  memcpy(out, kernel->head + MIN(at, kernel->head_len), from_head);
  return range_file_read(&kernel->file, at + from_head, (guint8 *)out + from_head, len - from_head, error);
}

static gboolean read_sections(const KernelImage *kernel, guint64 table, guint n, PeLayout *layout, GError **error) {
  guint8 headers[MAX_SECTIONS * SECTION_SIZE];
  if (n > MAX_SECTIONS)
    return invalid(error, "too many pe sections");
  if (!read_at(kernel, table, headers, (gsize)n * SECTION_SIZE, error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    Section section = {read_le(headers, i * SECTION_SIZE + 16, 4), read_le(headers, i * SECTION_SIZE + 20, 4)};
    if (section.size == 0)
      continue;
    if (section.at > kernel->file.size)
      return invalid(error, "pe section lies outside of the file");
    layout->sections[layout->n_sections++] = section;
  }
  return TRUE;
}

static gboolean read_layout(const KernelImage *kernel, PeLayout *layout, GError **error) {
  guint8 fixed[PE_FIXED_SIZE] = {0};
  if (kernel->head_len < 0x40)
    return invalid(error, "not a pe image");
  guint64 pe = read_le(kernel->head, 0x3c, 4), optional = pe + 24;
  if (!read_at(kernel, pe, fixed, MIN(sizeof fixed, kernel->file.size - MIN(pe, kernel->file.size)), error))
    return FALSE;
  if (memcmp(fixed, "PE\0\0", 4) != 0)
    return invalid(error, "not a pe image");
  gboolean plus = read_le(fixed, 24, 2) == 0x20b;
  guint directory = 24 + (plus ? 112 : 96) + 32;
  layout->checksum = optional + 64;
  layout->certificates = pe + directory;
  layout->header_size = read_le(fixed, 24 + 60, 4);
  if (layout->header_size > kernel->file.size || layout->header_size < layout->certificates + 8)
    return invalid(error, "pe headers lie outside of the file");
  layout->certificates_size = read_le(fixed, directory, 4) > 0 ? read_le(fixed, directory + 4, 4) : 0;
  return read_sections(kernel, optional + read_le(fixed, 20, 2), read_le(fixed, 6, 2), layout, error);
}

static gboolean hash_range(const KernelImage *kernel, EVP_MD_CTX *digest, guint64 from, guint64 to, GError **error) {
  if (from < kernel->head_len) {
    guint64 end = MIN(to, kernel->head_len);
    EVP_DigestUpdate(digest, kernel->head + from, end - from);
    from = end;
  }
  return range_file_hash(&kernel->file, digest, from, to, error);
}

static gboolean hash_headers(const KernelImage *kernel, EVP_MD_CTX *digest, const PeLayout *layout, GError **error) {
  return hash_range(kernel, digest, 0, layout->checksum, error) &&
         hash_range(kernel, digest, layout->checksum + 4, layout->certificates, error) &&
         hash_range(kernel, digest, layout->certificates + 8, layout->header_size, error);
}

static gboolean hash_sections(const KernelImage *kernel, EVP_MD_CTX *digest, const PeLayout *layout, GError **error) {
  g_autoptr(GArray) sorted = g_array_new(FALSE, FALSE, sizeof(Section));
  g_array_append_vals(sorted, layout->sections, layout->n_sections);
  g_array_sort(sorted, by_position);
  guint64 hashed_to = 0; /* no byte twice: the work is bounded by the file */
  for (guint i = 0; i < sorted->len; i++) {
    const Section *section = &g_array_index(sorted, Section, i);
    if (section->at < hashed_to)
      return invalid(error, "pe sections overlap");
    hashed_to = MIN((guint64)section->at + section->size, kernel->file.size);
    if (!hash_range(kernel, digest, section->at, hashed_to, error))
      return FALSE;
  }
  return TRUE;
}

/* What lies behind the sections counts only when a certificate table follows it. */
static gboolean hash_rest(const KernelImage *kernel, EVP_MD_CTX *digest, const PeLayout *layout, GError **error) {
  guint64 sum = layout->header_size, size = kernel->file.size;
  for (guint i = 0; i < layout->n_sections; i++)
    sum += layout->sections[i].size;
  if (layout->certificates_size > 0 && size > sum && size - sum > layout->certificates_size &&
      !hash_range(kernel, digest, sum, size - layout->certificates_size, error))
    return FALSE;
  static const guint8 zeros[8];
  if (size % 8)
    EVP_DigestUpdate(digest, zeros, 8 - size % 8);
  return TRUE;
}

gboolean kernel_image_authenticode(const KernelImage *kernel, guint8 out[48], GError **error) {
  PeLayout layout = {0};
  if (!read_layout(kernel, &layout, error))
    return FALSE;
  EVP_MD_CTX *digest = EVP_MD_CTX_new();
  EVP_DigestInit_ex(digest, EVP_sha384(), NULL);
  gboolean done = hash_headers(kernel, digest, &layout, error) && hash_sections(kernel, digest, &layout, error) &&
                  hash_rest(kernel, digest, &layout, error);
  EVP_DigestFinal_ex(digest, out, NULL);
  EVP_MD_CTX_free(digest);
  return done;
}
