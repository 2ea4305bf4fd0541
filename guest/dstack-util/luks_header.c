#include "luks_header.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/digest.h"
#include "luks_metadata.h"

#include <string.h>

/* The binary header of the LUKS2 on-disk format, section 2.1 */
#define BINARY_SIZE 4096
#define LABEL_SIZE 48
#define CHECKSUM_ALGORITHM_SIZE 32
#define SALT_SIZE 64
#define UUID_SIZE 40
#define CHECKSUM_OFFSET 448
#define CHECKSUM_FIELD_SIZE 64
#define VERSION 2
#define MAX_HEADER_SIZE (LUKS_PAYLOAD_OFFSET / 2)

static const guint8 magics[2][LUKS_MAGIC_SIZE] = {{'L', 'U', 'K', 'S', 0xba, 0xbe}, {'S', 'K', 'U', 'L', 0xba, 0xbe}};

typedef struct {
  guint64 size, sequence;
  const char *json; /* in the area */
  gsize json_len;
} HeaderCopy;

const gsize *luks_header_offsets(gsize *n) {
  static const gsize offsets[] = {0, 0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000};
  *n = G_N_ELEMENTS(offsets);
  return offsets;
}

gboolean luks_magic_at(const guint8 *bytes, gsize offset) {
  return memcmp(bytes, magics[offset == 0 ? 0 : 1], LUKS_MAGIC_SIZE) == 0;
}

static gboolean invalid(GError **error, guint index, const char *what) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "invalid LUKS header %u: %s", index, what);
  return FALSE;
}

static gboolean take_zeros(Reader *reader, gsize len) {
  const guint8 *bytes = reader_take(reader, len);
  for (gsize i = 0; bytes && i < len; i++)
    if (bytes[i] != 0)
      return FALSE;
  return bytes != NULL;
}

static gboolean check_fields(Reader *reader, guint index, HeaderCopy *copy, GError **error) {
  static const guint8 sha256_name[CHECKSUM_ALGORITHM_SIZE] = "sha256";
  const guint8 *magic = reader_take(reader, LUKS_MAGIC_SIZE);
  if (!magic || memcmp(magic, magics[index], LUKS_MAGIC_SIZE) != 0)
    return invalid(error, index, "no magic");
  if (reader_u16be(reader) != VERSION)
    return invalid(error, index, "version is not 2");
  copy->size = reader_u64be(reader);
  copy->sequence = reader_u64be(reader);
  if (copy->size <= BINARY_SIZE || copy->size > MAX_HEADER_SIZE)
    return invalid(error, index, "size out of bounds");
  if (!take_zeros(reader, LABEL_SIZE))
    return invalid(error, index, "label is not empty");
  const guint8 *algorithm = reader_take(reader, CHECKSUM_ALGORITHM_SIZE);
  if (!algorithm || memcmp(algorithm, sha256_name, sizeof sha256_name) != 0)
    return invalid(error, index, "checksum algorithm is not sha256");
  if (!reader_skip(reader, SALT_SIZE) || !reader_skip(reader, UUID_SIZE))
    return invalid(error, index, "truncated");
  if (!take_zeros(reader, LABEL_SIZE))
    return invalid(error, index, "subsystem is not empty");
  return reader_u64be(reader) == index * copy->size || invalid(error, index, "wrong offset");
}

static gboolean check_checksum(const guint8 *header, gsize size, guint index, GError **error) {
  guint8 expected[SHA256_SIZE];
  g_autofree guint8 *blanked = g_memdup2(header, size);
  memset(blanked + CHECKSUM_OFFSET, 0, CHECKSUM_FIELD_SIZE);
  digest_sha256(blanked, size, expected);
  return memcmp(header + CHECKSUM_OFFSET, expected, sizeof expected) == 0 || invalid(error, index, "wrong checksum");
}

static gboolean check_copy(const guint8 *area, gsize len, gsize offset, guint index, HeaderCopy *copy, GError **error) {
  Reader reader = offset <= len ? reader_init(area + offset, len - offset) : reader_init(area, 0);
  if (!check_fields(&reader, index, copy, error))
    return FALSE;
  if (copy->size > len - offset)
    return invalid(error, index, "truncated");
  if (!check_checksum(area + offset, copy->size, index, error))
    return FALSE;
  copy->json = (const char *)area + offset + BINARY_SIZE;
  copy->json_len = strnlen(copy->json, copy->size - BINARY_SIZE);
  if (luks_metadata_check(copy->json, copy->json_len, copy->size, error))
    return TRUE;
  g_prefix_error(error, "LUKS header %u: ", index);
  return FALSE;
}

gboolean luks_header_check(const guint8 *area, gsize len, GError **error) {
  HeaderCopy first, second;
  if (!check_copy(area, len, 0, 0, &first, error) || !check_copy(area, len, first.size, 1, &second, error))
    return FALSE;
  if (first.size != second.size || first.sequence != second.sequence || first.json_len != second.json_len ||
      memcmp(first.json, second.json, first.json_len) != 0)
    return invalid(error, 1, "differs from header 0");
  return TRUE;
}
