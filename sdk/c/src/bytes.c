#include "bytes.h"

#include "fail.h"

#include <stdlib.h>
#include <string.h>

void wipe_string(char *text) {
  if (text)
    explicit_bzero(text, strlen(text));
  free(text);
}

void dstack_string_free(char *text) { wipe_string(text); }

void dstack_bytes_clear(dstack_bytes *bytes) {
  if (bytes->data)
    explicit_bzero(bytes->data, bytes->size);
  free(bytes->data);
  *bytes = (dstack_bytes){0};
}

void dstack_bytes_list_clear(dstack_bytes_list *list) {
  for (size_t i = 0; i < list->count; i++)
    dstack_bytes_clear(&list->items[i]);
  free(list->items);
  *list = (dstack_bytes_list){0};
}

void dstack_strings_clear(dstack_strings *strings) {
  for (size_t i = 0; i < strings->count; i++)
    wipe_string(strings->items[i]);
  free(strings->items);
  *strings = (dstack_strings){0};
}

void hex_encode_to(const void *data, size_t size, char *text) {
  static const char digits[] = "0123456789abcdef";
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) {
    text[2 * i] = digits[bytes[i] >> 4];
    text[2 * i + 1] = digits[bytes[i] & 15];
  }
  text[2 * size] = '\0';
}

char *hex_encode(const void *data, size_t size) {
  char *text = malloc(2 * size + 1);
  if (text)
    hex_encode_to(data, size, text);
  return text;
}

static int digit_value(char digit) {
  if (digit >= '0' && digit <= '9')
    return digit - '0';
  if (digit >= 'a' && digit <= 'f')
    return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F')
    return digit - 'A' + 10;
  return -1;
}

static bool decode_digits(const char *text, uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) {
    int high = digit_value(text[2 * i]), low = digit_value(text[2 * i + 1]);
    if (high < 0 || low < 0)
      return false;
    bytes[i] = (uint8_t)(high << 4 | low);
  }
  return true;
}

bool hex_decode_to(const char *text, void *data, size_t size) {
  return strlen(text) == 2 * size && decode_digits(text, data, size);
}

dstack_status hex_decode(const char *text, const char *what, dstack_bytes *bytes, dstack_error *error) {
  size_t length = strlen(text);
  *bytes = (dstack_bytes){0};
  if (length == 0)
    return DSTACK_OK;
  bytes->data = malloc(length / 2 + 1);
  if (!bytes->data)
    return fail_memory(error);
  bytes->size = length / 2;
  if (length % 2 == 0 && decode_digits(text, bytes->data, bytes->size))
    return DSTACK_OK;
  dstack_bytes_clear(bytes);
  return fail(error, DSTACK_MALFORMED, "%s is not hex", what);
}

const char *hex_skip_prefix(const char *text) {
  return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? text + 2 : text;
}
