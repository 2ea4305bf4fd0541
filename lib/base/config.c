#include "base/config.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"
#include "base/toml.h"
#include "base/units.h"

#include <string.h>

#define MAX_CONFIG_BYTES (1024 * 1024)

struct Config {
  json_t *root;
  GHashTable *origins; /* dotted path -> "file:line" */
  GHashTable *known;   /* dotted paths that were asked for */
};

typedef struct {
  Config *config;
  const char *name;
} PositionSink;

static void remember_position(const char *path, unsigned line, void *user_data) {
  PositionSink *sink = user_data;
  g_hash_table_insert(sink->config->origins, g_strdup(path), g_strdup_printf("%s:%u", sink->name, line));
}

static void merge(json_t *base, json_t *over) {
  const char *key;
  json_t *value;
  json_object_foreach(over, key, value) {
    json_t *old = json_object_get(base, key);
    if (json_is_object(old) && json_is_object(value))
      merge(old, value);
    else
      json_object_set(base, key, value);
  }
}

static gboolean add_toml(Config *config, const char *text, const char *name, GError **error) {
  char *why = NULL;
  PositionSink sink = {config, name};
  char *json_text = toml_to_json(text, remember_position, &sink, &why);
  if (!json_text) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s", name, why ? why : "out of memory");
    free(why);
    return FALSE;
  }
  g_autoptr(json_t) layer = json_parse(json_text, strlen(json_text), name, error);
  free(json_text);
  if (!layer)
    return FALSE;
  merge(config->root, layer);
  return TRUE;
}

Config *config_new(const char *defaults) {
  Config *config = g_new0(Config, 1);
  config->root = json_object();
  config->origins = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  config->known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr(GError) error = NULL;
  if (!add_toml(config, defaults, "defaults", &error))
    g_error("built-in configuration: %s", error->message);
  return config;
}

void config_free(Config *config) {
  if (!config)
    return;
  json_decref(config->root);
  g_hash_table_unref(config->origins);
  g_hash_table_unref(config->known);
  g_free(config);
}

gboolean config_add_file(Config *config, const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, MAX_CONFIG_BYTES, error);
  if (!text)
    return FALSE;
  if (g_str_has_suffix(path, ".toml"))
    return add_toml(config, text, path, error);
  g_autoptr(json_t) layer = json_parse(text, strlen(text), path, error);
  if (!layer || !json_require_object(layer, path, error))
    return FALSE;
  merge(config->root, layer);
  return TRUE;
}

gboolean config_add_standard_files(Config *config, const char *name, const char *explicit_path, GError **error) {
  g_autofree char *etc_base = g_strdup_printf("/etc/%s/%s", name, name);
  const char *const bases[] = {etc_base, name};
  const char *const suffixes[] = {".toml", ".json"};
  for (guint i = 0; i < G_N_ELEMENTS(bases); i++)
    for (guint j = 0; j < G_N_ELEMENTS(suffixes); j++) {
      g_autofree char *path = g_strconcat(bases[i], suffixes[j], NULL);
      if (g_file_test(path, G_FILE_TEST_EXISTS) && !config_add_file(config, path, error))
        return FALSE;
    }
  return !explicit_path || config_add_file(config, explicit_path, error);
}

void config_select_profile(Config *config, const char *profile) {
  json_t *root = json_object();
  json_t *base = json_object_get(config->root, "default");
  json_t *over = json_object_get(config->root, profile);
  if (base) {
    g_autoptr(json_t) copy = json_deep_copy(base);
    merge(root, copy);
  }
  if (over) {
    g_autoptr(json_t) copy = json_deep_copy(over);
    merge(root, copy);
  }
  json_decref(config->root);
  config->root = root;
}

static json_t *find(Config *config, const char *key) {
  g_hash_table_add(config->known, g_strdup(key));
  g_auto(GStrv) parts = g_strsplit(key, ".", -1);
  json_t *value = config->root;
  for (guint i = 0; parts[i] && value; i++)
    value = json_object_get(value, parts[i]);
  return json_is_null(value) ? NULL : value;
}

gboolean config_has(Config *config, const char *key) { return find(config, key) != NULL; }
const json_t *config_get_json(Config *config, const char *key) { return find(config, key); }

const char *config_origin(Config *config, const char *key) {
  const char *origin = g_hash_table_lookup(config->origins, key);
  return origin ? origin : "configuration";
}

static gboolean wrong(Config *config, const char *key, const char *expected, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s: expected %s", config_origin(config, key), key, expected);
  return FALSE;
}

gboolean config_get_string(Config *config, const char *key, const char **out, GError **error) {
  json_t *value = find(config, key);
  if (!json_is_string(value))
    return wrong(config, key, "a string", error);
  *out = json_string_value(value);
  return TRUE;
}

gboolean config_get_bool(Config *config, const char *key, gboolean *out, GError **error) {
  json_t *value = find(config, key);
  if (!json_is_boolean(value))
    return wrong(config, key, "true or false", error);
  *out = json_is_true(value);
  return TRUE;
}

gboolean config_get_uint(Config *config, const char *key, guint64 max, guint64 *out, GError **error) {
  json_t *value = find(config, key);
  if (!json_is_integer(value) || json_integer_value(value) < 0 || (guint64)json_integer_value(value) > max) {
    g_autofree char *expected = g_strdup_printf("an integer from 0 to %" G_GUINT64_FORMAT, max);
    return wrong(config, key, expected, error);
  }
  *out = (guint64)json_integer_value(value);
  return TRUE;
}

gboolean config_get_size(Config *config, const char *key, guint64 *bytes, GError **error) {
  json_t *value = find(config, key);
  if (json_is_integer(value) && json_integer_value(value) >= 0) {
    *bytes = (guint64)json_integer_value(value);
    return TRUE;
  }
  if (json_is_string(value) && units_parse_size(json_string_value(value), bytes, NULL))
    return TRUE;
  return wrong(config, key, "a size such as 4096 or \"4K\"", error);
}

gboolean config_get_duration(Config *config, const char *key, guint64 *ms, GError **error) {
  json_t *value = find(config, key);
  if (json_is_string(value) && units_parse_duration(json_string_value(value), ms, NULL))
    return TRUE;
  return wrong(config, key, "a duration such as \"10s\" or \"never\"", error);
}

gboolean config_get_strings(Config *config, const char *key, char ***out, GError **error) {
  json_t *value = find(config, key);
  g_autoptr(GPtrArray) strings = g_ptr_array_new_with_free_func(g_free);
  size_t index;
  json_t *item;
  gboolean right = json_is_array(value);
  json_array_foreach(value, index, item) {
    right = right && json_is_string(item);
    g_ptr_array_add(strings, g_strdup(json_string_value(item)));
  }
  if (!right)
    return wrong(config, key, "an array of strings", error);
  g_ptr_array_add(strings, NULL);
  *out = (char **)g_ptr_array_free(g_steal_pointer(&strings), FALSE);
  return TRUE;
}

static gboolean is_known(Config *config, const char *path) {
  g_autofree char *prefix = g_strdup(path);
  for (;;) {
    if (g_hash_table_contains(config->known, prefix))
      return TRUE;
    char *dot = strrchr(prefix, '.');
    if (!dot)
      return FALSE;
    *dot = '\0';
  }
}

static void warn_below(Config *config, json_t *table, const char *path) {
  const char *key;
  json_t *value;
  json_object_foreach(table, key, value) {
    g_autofree char *below = *path ? g_strdup_printf("%s.%s", path, key) : g_strdup(key);
    if (is_known(config, below))
      continue;
    if (json_is_object(value))
      warn_below(config, value, below);
    else
      log_warn("%s: unknown configuration key %s is ignored", config_origin(config, below), below);
  }
}

void config_warn_unknown(Config *config) { warn_below(config, config->root, ""); }
