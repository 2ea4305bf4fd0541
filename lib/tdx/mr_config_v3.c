#include "tdx/mr_config_v3.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"

#include <string.h>

#define LABEL "dstack-mr-config-v3:" /* hashed with its NUL */
#define VERSION 3
#define HASH_SIZE 32
#define ID_SIZE 20
#define WHAT "mr_config"

/* Names of key providers as this document writes them. */
static const char *const providers[] = {
    [KEY_PROVIDER_NONE] = "none",
    [KEY_PROVIDER_LOCAL] = "local",
    [KEY_PROVIDER_KMS] = "kms",
    [KEY_PROVIDER_TPM] = "tpm",
};

void mr_config_v3_free(MrConfigV3 *config) {
  if (!config)
    return;
  g_clear_pointer(&config->app_id, g_bytes_unref);
  g_clear_pointer(&config->compose_hash, g_bytes_unref);
  g_clear_pointer(&config->gpu_policy_hash, g_bytes_unref);
  g_clear_pointer(&config->instance_id, g_bytes_unref);
  g_clear_pointer(&config->key_provider_id, g_bytes_unref);
  g_clear_pointer(&config->init_script_hashes, g_ptr_array_unref);
  g_free(config);
}

static gboolean invalid(GError **error, const char *key, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: %s", key, why);
  return FALSE;
}

static gboolean check_keys(json_t *object, GError **error) {
  static const char *const known[] = {"app_id",      "compose_hash", "gpu_policy_hash", "init_script_hashes",
                                      "instance_id", "key_provider", "key_provider_id", "version",
                                      NULL};
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    if (!g_strv_contains(known, key)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ": a key that is not known");
      return FALSE;
    }
  }
  return TRUE;
}

static GBytes *decode_hex(const char *text, const char *key, gsize size, GError **error) {
  g_autoptr(GBytes) bytes = hex_decode(text, strlen(text), error);
  if (!bytes) {
    g_prefix_error(error, WHAT ".%s: ", key);
    return NULL;
  }
  if (size > 0 && g_bytes_get_size(bytes) != size) {
    invalid(error, key, "wrong size");
    return NULL;
  }
  return g_steal_pointer(&bytes);
}

/* An optional member: *out stays NULL when it is missing or empty. `size` 0: any. */
static gboolean read_hex(const json_t *object, const char *key, gsize size, GBytes **out, GError **error) {
  const char *text;
  if (!json_get_string_or(object, key, "", &text, WHAT, error))
    return FALSE;
  if (!*text)
    return TRUE;
  *out = decode_hex(text, key, size, error);
  return *out != NULL;
}

static gboolean read_init_scripts(const json_t *object, MrConfigV3 *config, GError **error) {
  const char *key = "init_script_hashes";
  if (!json_object_get(object, key))
    return TRUE;
  g_auto(GStrv) hashes = json_get_strings_or_empty(object, key, WHAT, error);
  if (!hashes)
    return FALSE;
  if (g_strv_length(hashes) > MR_CONFIG_MAX_INIT_SCRIPTS)
    return invalid(error, key, "too many");
  config->init_script_hashes = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  for (char **hash = hashes; *hash; hash++) {
    GBytes *bytes = decode_hex(*hash, key, HASH_SIZE, error);
    if (!bytes)
      return FALSE;
    g_ptr_array_add(config->init_script_hashes, bytes);
  }
  return TRUE;
}

static gboolean read_provider(const json_t *object, MrConfigV3 *config, GError **error) {
  const char *name = json_get_string(object, "key_provider", WHAT, error);
  if (!name)
    return FALSE;
  for (guint kind = 0; kind < G_N_ELEMENTS(providers); kind++)
    if (strcmp(providers[kind], name) == 0) {
      config->key_provider = kind;
      return TRUE;
    }
  return invalid(error, "key_provider", "not a provider");
}

static gboolean read_version(const json_t *object, GError **error) {
  guint64 version;
  if (!json_get_uint_or(object, "version", VERSION, G_MAXUINT32, &version, WHAT, error))
    return FALSE;
  return version == VERSION || invalid(error, "version", "not 3");
}

MrConfigV3 *mr_config_v3_parse(const char *document, gsize len, GError **error) {
  if (len > MR_CONFIG_MAX_DOCUMENT) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, WHAT ": over %d bytes", MR_CONFIG_MAX_DOCUMENT);
    return NULL;
  }
  g_autoptr(json_t) object = json_parse(document, len, WHAT, error);
  g_autoptr(MrConfigV3) config = g_new0(MrConfigV3, 1);
  if (!object || !json_require_object(object, WHAT, error) || !check_keys(object, error) ||
      !read_version(object, error) || !read_provider(object, config, error) ||
      !read_hex(object, "app_id", ID_SIZE, &config->app_id, error) ||
      !read_hex(object, "compose_hash", HASH_SIZE, &config->compose_hash, error) ||
      !read_hex(object, "gpu_policy_hash", HASH_SIZE, &config->gpu_policy_hash, error) ||
      !read_hex(object, "instance_id", ID_SIZE, &config->instance_id, error) ||
      !read_hex(object, "key_provider_id", 0, &config->key_provider_id, error) ||
      !read_init_scripts(object, config, error))
    return NULL;
  if (config->compose_hash)
    return g_steal_pointer(&config);
  invalid(error, "compose_hash", "missing");
  return NULL;
}

static void put_hex(json_t *object, const char *key, GBytes *bytes) {
  if (!bytes || g_bytes_get_size(bytes) == 0)
    return;
  g_autofree char *hex = hex_encode_bytes(bytes);
  json_object_set_new(object, key, json_string(hex));
}

static void put_init_scripts(json_t *object, GPtrArray *hashes) {
  if (!hashes || hashes->len == 0)
    return;
  json_t *array = json_array();
  for (guint i = 0; i < hashes->len; i++) {
    g_autofree char *hex = hex_encode_bytes(g_ptr_array_index(hashes, i));
    json_array_append_new(array, json_string(hex));
  }
  json_object_set_new(object, "init_script_hashes", array);
}

/* The keys go in as they are sorted, and their values are plain ASCII: that is all there is to the canonical form here.
 */
char *mr_config_v3_print(const MrConfigV3 *config) {
  g_autoptr(json_t) object = json_object();
  put_hex(object, "app_id", config->app_id);
  put_hex(object, "compose_hash", config->compose_hash);
  put_hex(object, "gpu_policy_hash", config->gpu_policy_hash);
  put_init_scripts(object, config->init_script_hashes);
  put_hex(object, "instance_id", config->instance_id);
  json_object_set_new(object, "key_provider", json_string(providers[config->key_provider]));
  put_hex(object, "key_provider_id", config->key_provider_id);
  json_object_set_new(object, "version", json_integer(VERSION));
  return json_print(object);
}

void mr_config_id_v3(const char *document, gsize len, guint8 out[48]) {
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  g_byte_array_append(preimage, (const guint8 *)LABEL, sizeof LABEL);
  g_byte_array_append(preimage, (const guint8 *)document, (guint)len);
  memset(out, 0, 48);
  out[0] = VERSION;
  digest_sha256(preimage->data, preimage->len, out + 1);
}

static gboolean agrees(GBytes *said, GBytes *fact) { return !said || (fact && g_bytes_equal(said, fact)); }

static gboolean init_scripts_agree(GPtrArray *said, GPtrArray *facts) {
  if (!said)
    return TRUE;
  if (said->len != (facts ? facts->len : 0))
    return FALSE;
  for (guint i = 0; i < said->len; i++)
    if (!g_bytes_equal(g_ptr_array_index(said, i), g_ptr_array_index(facts, i)))
      return FALSE;
  return TRUE;
}

gboolean mr_config_id_check_v3(const guint8 quoted[48], const char *document, gsize len, const MrConfigV3 *facts,
                               GError **error) {
  g_autoptr(MrConfigV3) said = mr_config_v3_parse(document, len, error);
  if (!said)
    return FALSE;
  guint8 expected[48];
  mr_config_id_v3(document, len, expected);
  if (memcmp(quoted, expected, sizeof expected) == 0 && said->key_provider == facts->key_provider &&
      agrees(said->app_id, facts->app_id) && agrees(said->compose_hash, facts->compose_hash) &&
      agrees(said->gpu_policy_hash, facts->gpu_policy_hash) && agrees(said->instance_id, facts->instance_id) &&
      agrees(said->key_provider_id, facts->key_provider_id) &&
      init_scripts_agree(said->init_script_hashes, facts->init_script_hashes))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "invalid mr_config_id");
  return FALSE;
}
