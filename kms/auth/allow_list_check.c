/* The shape of an allow-list file: one value of a wrong type makes the whole policy void, for nobody knows what was
 * meant. */
#include "kms/auth/allow_list.h"

#include "base/error.h"

#include <string.h>

typedef enum { TEXT, NUMBER, FLAG, TEXTS, HASHES } Kind;
typedef struct {
  const char *key;
  Kind kind;
} Member;

static gboolean is_hash(const char *text) {
  const char *digits = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X") ? text + 2 : text;
  return strlen(digits) == 64 && strspn(digits, "0123456789abcdefABCDEF") == 64;
}

static gboolean is_list(const json_t *value, gboolean of_hashes) {
  gsize i;
  json_t *entry;
  json_array_foreach(value, i, entry) if (!json_is_string(entry) ||
                                          (of_hashes && !is_hash(json_string_value(entry)))) return FALSE;
  return json_is_array(value);
}

static gboolean has_kind(const json_t *value, Kind kind) {
  switch (kind) {
  case TEXT:
    return json_is_string(value);
  case NUMBER:
    return json_is_integer(value) && json_integer_value(value) >= 0;
  case FLAG:
    return json_is_boolean(value);
  case TEXTS:
    return is_list(value, FALSE);
  case HASHES:
    return is_list(value, TRUE);
  }
  return FALSE;
}

static gboolean check_members(const json_t *object, const char *what, const Member *members, gsize count,
                              GError **error) {
  if (!json_require_object(object, what, error))
    return FALSE;
  for (gsize i = 0; i < count; i++) {
    const json_t *value = json_object_get(object, members[i].key);
    if (value && !has_kind(value, members[i].kind)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.%s: wrong type, or a hash that is not 32 bytes", what,
                  members[i].key);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean check_apps(const json_t *apps, GError **error) {
  static const Member members[] = {{"composeHashes", HASHES}, {"devices", HASHES}, {"allowAnyDevice", FLAG}};
  const char *name;
  json_t *app;
  if (!json_require_object(apps, "apps", error))
    return FALSE;
  json_object_foreach((json_t *)apps, name,
                      app) if (!check_members(app, "app", members, G_N_ELEMENTS(members), error)) return FALSE;
  return TRUE;
}

gboolean allow_list_check(const json_t *policy, GError **error) {
  static const Member members[] = {
      {"gatewayAppId", TEXT}, {"kmsContractAddr", TEXT},     {"chainId", NUMBER},           {"appImplementation", TEXT},
      {"osImages", HASHES},   {"allowedTcbStatuses", TEXTS}, {"allowedAdvisoryIds", TEXTS},
  };
  static const Member kms_members[] = {{"mrAggregated", HASHES}, {"devices", HASHES}, {"allowAnyDevice", FLAG}};
  const json_t *kms = json_object_get(policy, "kms"), *apps = json_object_get(policy, "apps");
  return check_members(policy, "policy", members, G_N_ELEMENTS(members), error) &&
         (!kms || check_members(kms, "kms", kms_members, G_N_ELEMENTS(kms_members), error)) &&
         (!apps || check_apps(apps, error));
}
