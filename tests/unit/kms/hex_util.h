/* Vectors are written as hex; these helpers compare with them. */
#pragma once

#include "base/hex.h"
#include "base/secret.h"

#include <glib.h>

static inline void assert_hex(const void *data, gsize len, const char *expected) {
  g_autofree char *hex = hex_encode(data, len);
  g_assert_cmpstr(hex, ==, expected);
}

static inline Secret *secret_from_hex(const char *hex) {
  g_autoptr(GBytes) bytes = hex_decode_prefixed(hex, NULL);
  g_assert_nonnull(bytes);
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  return secret_new(data, len);
}
