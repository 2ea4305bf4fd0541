/* Hexadecimal in tests: short forms that end the test on a mistake. */
#pragma once

#include "base/hex.h"
#include "base/secret.h"

#include <glib.h>

static inline GBytes *unhex(const char *text) {
  g_autoptr(GError) error = NULL;
  GBytes *bytes = hex_decode_prefixed(text, &error);
  g_assert_no_error(error);
  return bytes;
}

static inline Secret *unhex_secret(const char *text) {
  g_autoptr(GBytes) bytes = unhex(text);
  return secret_new(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static inline void assert_hex(const void *data, gsize len, const char *expected) {
  g_autofree char *text = hex_encode(data, len);
  g_assert_cmpstr(text, ==, expected);
}

static inline void assert_secret_hex(const Secret *secret, const char *expected) {
  assert_hex(secret_peek(secret), secret_len(secret), expected);
}

static inline void assert_bytes_hex(GBytes *bytes, const char *expected) {
  assert_hex(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes), expected);
}
