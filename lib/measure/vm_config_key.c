/* The name under which the measurements of a described VM are kept. */
#include "measure.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define WHAT "vm_config"

typedef enum { FIELD_UINT, FIELD_BOOL, FIELD_HEX, FIELD_TEXT, FIELD_OPTIONAL_BOOL } FieldKind;
typedef struct {
  const char *key;
  FieldKind kind;
  guint64 max, fallback;
  gboolean omit_default; /* fields that v0.5.5 does not know: absent from the key unless they say something */
} Field;

static const Field fields[] = {
    {"spec_version", FIELD_UINT, G_MAXUINT32, 1, FALSE},
    {"os_image_hash", FIELD_HEX, 0, 0, FALSE},
    {"cpu_count", FIELD_UINT, G_MAXUINT32, 0, FALSE},
    {"memory_size", FIELD_UINT, G_MAXINT64, 0, FALSE},
    {"qemu_single_pass_add_pages", FIELD_OPTIONAL_BOOL, 0, 0, TRUE},
    {"pic", FIELD_OPTIONAL_BOOL, 0, 0, TRUE},
    {"qemu_version", FIELD_TEXT, 0, 0, TRUE},
    {"pci_hole64_size", FIELD_UINT, G_MAXINT64, 0, FALSE},
    {"hugepages", FIELD_BOOL, 0, 0, FALSE},
    {"num_gpus", FIELD_UINT, G_MAXUINT32, 0, FALSE},
    {"num_nvswitches", FIELD_UINT, G_MAXUINT32, 0, FALSE},
    {"hotplug_off", FIELD_BOOL, 0, 0, FALSE},
    {"image", FIELD_TEXT, 0, 0, TRUE},
    {"num_nics", FIELD_UINT, G_MAXUINT32, 1, TRUE},
    {"num_verity_volumes", FIELD_UINT, G_MAXUINT32, 0, TRUE},
    {"swtpm", FIELD_BOOL, 0, 0, TRUE},
    {"host_share_mode", FIELD_TEXT, 0, 0, TRUE},
    {"ovmf_variant", FIELD_TEXT, 0, 0, TRUE},
    {"tdx_attestation_variant", FIELD_TEXT, 0, 0, TRUE},
};

static gboolean copy_uint(const json_t *from, json_t *to, const Field *field, GError **error) {
  guint64 value;
  if (!json_get_uint_or(from, field->key, field->fallback, field->max, &value, WHAT, error))
    return FALSE;
  if (!field->omit_default || value != field->fallback)
    json_object_set_new(to, field->key, json_integer((json_int_t)value));
  return TRUE;
}

static gboolean copy_bool(const json_t *from, json_t *to, const Field *field, GError **error) {
  gboolean value;
  if (!json_get_bool_or(from, field->key, FALSE, &value, WHAT, error))
    return FALSE;
  gboolean present = json_is_boolean(json_object_get(from, field->key));
  gboolean omit = field->kind == FIELD_OPTIONAL_BOOL ? !present : field->omit_default && !value;
  if (!omit)
    json_object_set_new(to, field->key, json_boolean(value));
  return TRUE;
}

static gboolean copy_text(const json_t *from, json_t *to, const Field *field, GError **error) {
  const char *value;
  if (!json_get_string_or(from, field->key, NULL, &value, WHAT, error))
    return FALSE;
  if (value)
    json_object_set_new(to, field->key, json_string(value));
  return TRUE;
}

static gboolean copy_hash(const json_t *from, json_t *to, const Field *field, GError **error) {
  const char *text = json_get_string(from, field->key, WHAT, error);
  guint8 hash[SHA256_SIZE];
  if (!text)
    return FALSE;
  if (!hex_decode_fixed(text, hash, sizeof hash, error)) {
    g_prefix_error(error, WHAT ".%s: ", field->key);
    return FALSE;
  }
  g_autofree char *hex = hex_encode(hash, sizeof hash);
  json_object_set_new(to, field->key, json_string(hex));
  return TRUE;
}

static gboolean copy_field(const json_t *from, json_t *to, const Field *field, GError **error) {
  switch (field->kind) {
  case FIELD_UINT:
    return copy_uint(from, to, field, error);
  case FIELD_HEX:
    return copy_hash(from, to, field, error);
  case FIELD_TEXT:
    return copy_text(from, to, field, error);
  case FIELD_BOOL:
  case FIELD_OPTIONAL_BOOL:
    break;
  }
  return copy_bool(from, to, field, error);
}

static json_t *parse_and_normalise(const char *text, GError **error) {
  g_autoptr(json_t) given = json_parse(text, strlen(text), WHAT, error);
  g_autoptr(json_t) normal = json_object();
  if (!given || !json_require_object(given, WHAT, error))
    return NULL;
  for (guint i = 0; i < G_N_ELEMENTS(fields); i++)
    if (!copy_field(given, normal, &fields[i], error))
      return NULL;
  return g_steal_pointer(&normal);
}

char *measure_vm_cache_key(const char *vm_config, GError **error) {
  g_autoptr(json_t) normal = parse_and_normalise(vm_config, error);
  if (!normal)
    return NULL;
  g_autofree char *json = json_print(normal);
  guint8 digest[SHA256_SIZE];
  digest_sha256(json, strlen(json), digest);
  return hex_encode(digest, sizeof digest);
}
