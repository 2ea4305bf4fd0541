#include "env_decrypt.h"

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/envelope.h"

#include <string.h>

#define MAX_ITEMS 1024
#define MAX_KEY 255
#define MAX_VALUE (128 * 1024)
#define MAX_TOTAL (1024 * 1024)
#define MIN_ENVELOPE 44

static void free_value(gpointer data) {
  char *value = data;
  secret_wipe(value, strlen(value));
  g_free(value);
}

static gint compare_names(gconstpointer a, gconstpointer b, gpointer user_data) {
  (void)user_data; /* none was given */
  return strcmp(a, b);
}

EnvMap *env_map_new(void) { return g_tree_new_full(compare_names, NULL, g_free, free_value); }

static gboolean invalid(GError **error, const char *text) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "encrypted environment: %s", text);
  return FALSE;
}

static gboolean name_ok(const char *name) {
  if (!g_ascii_isalpha(*name) && *name != '_')
    return FALSE;
  for (const char *p = name; *p; p++)
    if (!g_ascii_isalnum(*p) && *p != '_')
      return FALSE;
  return TRUE;
}

static const char *get_text(const json_t *item, const char *key) {
  const json_t *value = json_object_get(item, key);
  return json_is_string(value) && strlen(json_string_value(value)) == json_string_length(value)
             ? json_string_value(value)
             : NULL;
}

typedef struct {
  gsize total; /* bytes of names and values, replaced ones too */
  guint skipped;
} EnvTally;

static gboolean add_item(EnvMap *map, const json_t *item, char **allowed, EnvTally *tally, GError **error) {
  const char *name = get_text(item, "key");
  const char *value = get_text(item, "value");
  if (!name || !value)
    return invalid(error, "an item is no pair of texts");
  if (!g_strv_contains((const char *const *)allowed, name)) {
    tally->skipped++;
    return TRUE;
  }
  if (strlen(name) > MAX_KEY)
    return invalid(error, "a name is longer than 255 bytes");
  if (strlen(value) > MAX_VALUE)
    return invalid(error, "a value is longer than 131072 bytes");
  if (!name_ok(name))
    return invalid(error, "a name has other characters than letters, digits and _");
  tally->total += strlen(name) + strlen(value);
  if (tally->total > MAX_TOTAL)
    return invalid(error, "more than 1 MiB in all");
  g_tree_replace(map, g_strdup(name), g_strdup(value));
  return TRUE;
}

EnvMap *env_parse(const char *json, gsize len, char **allowed, GError **error) {
  /* The parser's reason could quote the plaintext: it is not passed on. */
  g_autoptr(json_t) root = json_parse(json, len, "encrypted environment", NULL);
  const json_t *items = json_object_get(root, "env");
  if (!json_is_array(items)) {
    invalid(error, "expected {\"env\":[...]}");
    return NULL;
  }
  if (json_array_size(items) > MAX_ITEMS) {
    invalid(error, "more than 1024 items");
    return NULL;
  }
  g_autoptr(GTree) map = env_map_new();
  EnvTally tally = {0};
  size_t index;
  json_t *item;
  json_array_foreach(items, index, item) {
    if (!add_item(map, item, allowed, &tally, error))
      return NULL;
  }
  if (tally.skipped > 0)
    log_warn("%u variables of the encrypted environment are not in allowed_envs and are skipped", tally.skipped);
  return g_steal_pointer(&map);
}

EnvMap *env_decrypt(const Secret *key, GBytes *envelope, char **allowed, GError **error) {
  gsize len = envelope ? g_bytes_get_size(envelope) : 0;
  if (!key || secret_len(key) == 0 || len == 0)
    return env_map_new();
  if (secret_len(key) != X25519_SIZE || len < MIN_ENVELOPE) {
    invalid(error, len < MIN_ENVELOPE ? "truncated" : "the key is not 32 bytes");
    return NULL;
  }
  g_autoptr(Secret) plaintext = envelope_open(key, g_bytes_get_data(envelope, NULL), len, error);
  if (!plaintext) {
    g_prefix_error(error, "failed to open the encrypted environment: ");
    return NULL;
  }
  return env_parse((const char *)secret_peek(plaintext), secret_len(plaintext), allowed, error);
}
