#include "luks_metadata.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define BINARY_HEADER_SIZE 4096

static gboolean invalid(GError **error, const char *what) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "invalid LUKS %s", what);
  return FALSE;
}

/* An object with exactly these members, in any order. */
static gboolean has_exactly(const json_t *object, const char *const *members) {
  gsize n = 0;
  for (; members[n]; n++)
    if (!json_object_get(object, members[n]))
      return FALSE;
  return json_object_size(object) == n;
}

static gboolean is_text(const json_t *object, const char *key, const char *expected) {
  const json_t *value = json_object_get(object, key);
  return json_is_string(value) && json_string_length(value) == strlen(expected) &&
         memcmp(json_string_value(value), expected, strlen(expected)) == 0;
}

static gboolean is_number(const json_t *object, const char *key, json_int_t expected) {
  const json_t *value = json_object_get(object, key);
  return json_is_integer(value) && json_integer_value(value) == expected;
}

static gboolean is_only_zero(const json_t *object, const char *key) {
  const json_t *list = json_object_get(object, key);
  const json_t *item = json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
  return json_is_string(item) && g_str_equal(json_string_value(item), "0");
}

/* LUKS2 writes 64-bit numbers as decimal text. */
static gboolean get_decimal(const json_t *object, const char *key, guint64 *out) {
  const json_t *value = json_object_get(object, key);
  const char *text = json_is_string(value) ? json_string_value(value) : "";
  return strlen(text) == json_string_length(value) && g_ascii_isdigit(*text) &&
         g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT64, out, NULL);
}

static gboolean iterations_ok(const json_t *object) {
  const json_t *value = json_object_get(object, "iterations");
  return json_is_integer(value) && json_integer_value(value) > 0 && json_integer_value(value) <= LUKS_MAX_ITERATIONS;
}

static gboolean check_keyslot_area(const json_t *area, guint64 hdr_size, GError **error) {
  static const char *const members[] = {"type", "offset", "size", "encryption", "key_size", NULL};
  if (!is_text(area, "encryption", LUKS_CIPHER) || !is_number(area, "key_size", LUKS_KEY_SIZE))
    return invalid(error, "keyslot encryption");
  guint64 offset, size;
  if (!has_exactly(area, members) || !is_text(area, "type", "raw") || !get_decimal(area, "offset", &offset) ||
      !get_decimal(area, "size", &size) || offset < 2 * hdr_size || size < LUKS_KEY_SIZE * LUKS_AF_STRIPES ||
      size > LUKS_PAYLOAD_OFFSET || offset > LUKS_PAYLOAD_OFFSET - size)
    return invalid(error, "keyslot area");
  return TRUE;
}

static gboolean check_keyslot(const json_t *keyslot, guint64 hdr_size, GError **error) {
  static const char *const members[] = {"type", "key_size", "area", "kdf", "af", NULL};
  static const char *const kdf_members[] = {"type", "hash", "iterations", "salt", NULL};
  static const char *const af_members[] = {"type", "hash", "stripes", NULL};
  if (!has_exactly(keyslot, members) || !is_text(keyslot, "type", "luks2") ||
      !is_number(keyslot, "key_size", LUKS_KEY_SIZE))
    return invalid(error, "keyslot");
  const json_t *kdf = json_object_get(keyslot, "kdf");
  if (!has_exactly(kdf, kdf_members) || !is_text(kdf, "type", "pbkdf2") || !is_text(kdf, "hash", "sha256") ||
      !iterations_ok(kdf))
    return invalid(error, "keyslot kdf");
  const json_t *af = json_object_get(keyslot, "af");
  if (!has_exactly(af, af_members) || !is_text(af, "type", "luks1") || !is_text(af, "hash", "sha256") ||
      !is_number(af, "stripes", LUKS_AF_STRIPES))
    return invalid(error, "keyslot anti-forensic splitter");
  return check_keyslot_area(json_object_get(keyslot, "area"), hdr_size, error);
}

static gboolean check_segment(const json_t *segment, GError **error) {
  static const char *const members[] = {"type", "offset", "size", "iv_tweak", "encryption", "sector_size", NULL};
  guint64 offset;
  if (!has_exactly(segment, members) || !is_text(segment, "type", "crypt"))
    return invalid(error, "segment");
  if (!is_text(segment, "encryption", LUKS_CIPHER))
    return invalid(error, "segment encryption");
  if (!get_decimal(segment, "offset", &offset) || offset != LUKS_PAYLOAD_OFFSET ||
      !is_text(segment, "size", "dynamic") || !is_text(segment, "iv_tweak", "0") ||
      !is_number(segment, "sector_size", LUKS_SECTOR_SIZE))
    return invalid(error, "segment geometry");
  return TRUE;
}

static gboolean check_digest(const json_t *digest, GError **error) {
  static const char *const members[] = {"type", "keyslots", "segments", "hash", "iterations", "salt", "digest", NULL};
  if (!has_exactly(digest, members) || !is_text(digest, "type", "pbkdf2") || !is_text(digest, "hash", "sha256") ||
      !iterations_ok(digest) || !is_only_zero(digest, "keyslots") || !is_only_zero(digest, "segments"))
    return invalid(error, "digest");
  return TRUE;
}

static gboolean check_config(const json_t *config, guint64 hdr_size, GError **error) {
  static const char *const members[] = {"json_size", "keyslots_size", NULL};
  guint64 json_size, keyslots_size;
  if (!has_exactly(config, members) || !get_decimal(config, "json_size", &json_size) ||
      !get_decimal(config, "keyslots_size", &keyslots_size) || json_size != hdr_size - BINARY_HEADER_SIZE ||
      keyslots_size > LUKS_PAYLOAD_OFFSET - 2 * hdr_size)
    return invalid(error, "config");
  return TRUE;
}

/* The member "0" of an object that has no other. */
static const json_t *only_zero(const json_t *root, const char *key) {
  const json_t *object = json_object_get(root, key);
  return json_is_object(object) && json_object_size(object) == 1 ? json_object_get(object, "0") : NULL;
}

gboolean luks_metadata_check(const char *json, gsize len, guint64 hdr_size, GError **error) {
  static const char *const members[] = {"keyslots", "tokens", "segments", "digests", "config", NULL};
  if (hdr_size < BINARY_HEADER_SIZE || hdr_size > LUKS_PAYLOAD_OFFSET / 2)
    return invalid(error, "header size");
  g_autoptr(json_t) root = json_parse(json, len, "metadata", NULL);
  if (!root)
    return invalid(error, "metadata: no strict json");
  const json_t *tokens = json_object_get(root, "tokens");
  if (!has_exactly(root, members))
    return invalid(error, "metadata members");
  if (!json_is_object(tokens) || json_object_size(tokens) != 0)
    return invalid(error, "tokens");
  const json_t *keyslot = only_zero(root, "keyslots");
  const json_t *segment = only_zero(root, "segments");
  const json_t *digest = only_zero(root, "digests");
  if (!keyslot || !segment || !digest)
    return invalid(error, "metadata: expected one keyslot, one segment and one digest");
  return check_keyslot(keyslot, hdr_size, error) && check_segment(segment, error) && check_digest(digest, error) &&
         check_config(json_object_get(root, "config"), hdr_size, error);
}
