#include "kms/auth/question.h"

#include "base/json.h"

#include <string.h>

#define MAX_DEPTH 32
#define ADDRESS_DIGITS 40
#define WORD_DIGITS 64
#define MAX_TCB_STATUS 128
#define MAX_ADVISORIES 128
#define MAX_ADVISORY 256

void auth_question_clear(AuthQuestion *question) {
  g_free(question->app_id);
  g_free(question->instance_id);
  g_free(question->compose_hash);
  g_free(question->device_id);
  g_free(question->mr_aggregated);
  g_free(question->mr_system);
  g_free(question->os_image_hash);
  g_free(question->tcb_status);
  g_strfreev(question->advisory_ids);
  *question = (AuthQuestion){0};
}

/* Its text when it is a string without NUL of at most `max` characters, else NULL. */
static const char *bounded_text(const json_t *value, gsize max) {
  const char *text = json_string_value(value);
  if (!text || strlen(text) != json_string_length(value) || g_utf8_strlen(text, -1) > (glong)max)
    return NULL;
  return text;
}

static char *normalized_hex(const json_t *value, gsize max_digits) {
  const char *text = bounded_text(value, max_digits + strlen("0x"));
  if (!text)
    return NULL;
  const char *digits = g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X") ? text + 2 : text;
  gsize len = strspn(digits, "0123456789abcdefABCDEF");
  return len <= max_digits && digits[len] == 0 ? g_ascii_strdown(digits, -1) : NULL;
}

static gboolean read_values(const json_t *body, AuthQuestion *out) {
  const struct {
    const char *key;
    gsize max_digits;
    gboolean required;
    char **to;
  } values[] = {
      {"appId", ADDRESS_DIGITS, TRUE, &out->app_id},
      {"instanceId", ADDRESS_DIGITS, TRUE, &out->instance_id},
      {"composeHash", WORD_DIGITS, TRUE, &out->compose_hash},
      {"deviceId", WORD_DIGITS, TRUE, &out->device_id},
      {"mrAggregated", WORD_DIGITS, TRUE, &out->mr_aggregated},
      {"osImageHash", WORD_DIGITS, TRUE, &out->os_image_hash},
      {"mrSystem", WORD_DIGITS, FALSE, &out->mr_system},
  };
  for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
    const json_t *value = json_object_get(body, values[i].key);
    gboolean absent = !value && !values[i].required;
    *values[i].to = absent ? g_strdup("") : normalized_hex(value, values[i].max_digits);
    if (!*values[i].to)
      return FALSE;
  }
  return TRUE;
}

static gboolean read_tcb_status(const json_t *body, AuthQuestion *out) {
  const json_t *value = json_object_get(body, "tcbStatus");
  out->tcb_status = g_strdup(value ? bounded_text(value, MAX_TCB_STATUS) : "");
  return out->tcb_status != NULL;
}

static gboolean read_advisories(const json_t *body, AuthQuestion *out) {
  const json_t *list = json_object_get(body, "advisoryIds");
  gsize count = json_array_size(list); /* 0 when it is no array */
  if ((list && !json_is_array(list)) || count > MAX_ADVISORIES)
    return FALSE;
  out->advisory_ids = g_new0(char *, count + 1);
  for (gsize i = 0; i < count; i++) {
    out->advisory_ids[i] = g_strdup(bounded_text(json_array_get(list, i), MAX_ADVISORY));
    if (!out->advisory_ids[i])
      return FALSE;
  }
  return TRUE;
}

AuthParsing auth_question_parse(const char *json, gsize len, AuthQuestion *out) {
  *out = (AuthQuestion){0};
  g_autoptr(json_t) body = json_parse_bounded(json, len, MAX_DEPTH, "request", NULL);
  if (!body)
    return AUTH_NOT_JSON;
  if (json_is_object(body) && read_values(body, out) && read_tcb_status(body, out) && read_advisories(body, out))
    return AUTH_PARSED;
  auth_question_clear(out);
  return AUTH_NOT_A_QUESTION;
}
