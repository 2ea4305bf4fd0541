/* Bytes, hex, and what frees them. */
#pragma once

#include "dstack/dstack.h"

/* Wipes `text` up to its NUL and frees it; NULL is fine. */
void wipe_string(char *text);

/* 2 * size digits and a NUL. NULL without memory. */
char *hex_encode(const void *data, size_t size);
void hex_encode_to(const void *data, size_t size, char *text);
/* FALSE unless `text` is hex of exactly `size` bytes. */
bool hex_decode_to(const char *text, void *data, size_t size);
/* Hex of any even length. */
dstack_status hex_decode(const char *text, const char *what, dstack_bytes *bytes, dstack_error *error);
/* `text` without a leading 0x or 0X. */
const char *hex_skip_prefix(const char *text);
