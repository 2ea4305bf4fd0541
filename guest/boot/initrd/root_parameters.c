#include "root_parameters.h"

#include <stddef.h>
#include <string.h>

#define HASH_KEY "dstack.rootfs_hash="
#define SIZE_KEY "dstack.rootfs_size="
#define DATA_SIZE_MAX ((uint64_t)1 << 40)

static bool parse_hash(const char *text, size_t length, char hash[ROOT_HASH_HEX_LENGTH + 1])
{
  if (length != ROOT_HASH_HEX_LENGTH)
    return false;
  for (size_t i = 0; i < length; i++) {
    char c = text[i];
    if (c >= 'A' && c <= 'F')
      c = (char)(c - 'A' + 'a');
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
      return false;
    hash[i] = c;
  }
  hash[length] = '\0';
  return true;
}

static bool parse_size(const char *text, size_t length, uint64_t *size)
{
  uint64_t value = 0;
  if (length == 0)
    return false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9')
      return false;
    value = value * 10 + (uint64_t)(text[i] - '0');
    if (value > DATA_SIZE_MAX)
      return false;
  }
  *size = value;
  return value > 0 && value % ROOT_BLOCK_SIZE == 0;
}

const char *root_parameters_parse(const char *command_line, RootParameters *parameters)
{
  unsigned hashes = 0, sizes = 0;
  const char *word = command_line;
  while (*word != '\0') {
    size_t length = strcspn(word, " \t\n");
    if (strncmp(word, HASH_KEY, strlen(HASH_KEY)) == 0) {
      if (!parse_hash(word + strlen(HASH_KEY), length - strlen(HASH_KEY), parameters->hash))
        return "dstack.rootfs_hash is not 64 hex digits";
      hashes++;
    } else if (strncmp(word, SIZE_KEY, strlen(SIZE_KEY)) == 0) {
      if (!parse_size(word + strlen(SIZE_KEY), length - strlen(SIZE_KEY), &parameters->data_size))
        return "dstack.rootfs_size is not a positive multiple of 4096";
      sizes++;
    }
    word += length;
    word += strspn(word, " \t\n");
  }
  if (hashes != 1)
    return hashes == 0 ? "dstack.rootfs_hash is missing" : "dstack.rootfs_hash is given twice";
  if (sizes != 1)
    return sizes == 0 ? "dstack.rootfs_size is missing" : "dstack.rootfs_size is given twice";
  return NULL;
}
