#include "fixture.h"

#include "base/file.h"
#include "base/hex.h"

#include <string.h>

#define FIXTURE_MAX_SIZE (4 * 1024 * 1024)

static GBytes *decode_text(GBytes *text) {
  g_autofree char *copy = g_strndup(g_bytes_get_data(text, NULL), g_bytes_get_size(text));
  g_autoptr(GError) error = NULL;
  GBytes *bytes = hex_decode_prefixed(g_strstrip(copy), &error);
  g_assert_no_error(error);
  return bytes;
}

GBytes *fixture_bytes(const char *name) {
  const char *shared = g_getenv("DSTACK_SHARED_DIR");
  g_autofree char *path =
      g_build_filename(shared ? shared : SOURCE_ROOT "/../shared", "fixtures/attestation", name, NULL);
  g_autoptr(GBytes) content = file_read(path, FIXTURE_MAX_SIZE, NULL);
  if (!content) {
    g_test_skip("fixtures are not here");
    return NULL;
  }
  return g_str_has_suffix(name, ".hex") ? decode_text(content) : g_steal_pointer(&content);
}

GBytes *bytes_of_hex(const char *hex) {
  g_autoptr(GError) error = NULL;
  GBytes *bytes = hex_decode(hex, strlen(hex), &error);
  g_assert_no_error(error);
  return bytes;
}

void assert_hex(const void *data, gsize len, const char *hex) {
  g_autofree char *text = hex_encode(data, len);
  g_assert_cmpstr(text, ==, hex);
}
