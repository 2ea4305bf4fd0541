#include "request.h"

#include "base/error.h"
#include "base/json.h"

#define WHAT "request"

void verify_request_clear(VerifyRequest *request) {
  g_free(request->quote);
  g_free(request->event_log);
  g_free(request->vm_config);
  g_free(request->attestation);
}

static gboolean take(const json_t *json, const char *key, char **out, GError **error) {
  const char *text;
  if (!json_get_string_or(json, key, NULL, &text, WHAT, error))
    return FALSE;
  *out = g_strdup(text);
  return TRUE;
}

static gboolean require(const char *text, const char *key, GError **error) {
  if (!text)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s is required", key);
  return text != NULL;
}

static gboolean take_members(const json_t *json, VerifyRequest *out, GError **error) {
  if (!json_require_object(json, WHAT, error) || !take(json, "quote", &out->quote, error) ||
      !take(json, "event_log", &out->event_log, error) || !take(json, "vm_config", &out->vm_config, error) ||
      !take(json, "attestation", &out->attestation, error) ||
      !json_get_bool_or(json, "debug", FALSE, &out->debug, WHAT, error))
    return FALSE;
  return out->attestation || (require(out->quote, "quote", error) && require(out->event_log, "event_log", error) &&
                              require(out->vm_config, "vm_config", error));
}

RequestStatus verify_request_parse(const char *body, gsize len, VerifyRequest *out, GError **error) {
  g_autoptr(json_t) json = json_parse(body, len, WHAT, error);
  if (!json)
    return REQUEST_NOT_JSON;
  return take_members(json, out, error) ? REQUEST_OK : REQUEST_ILL_TYPED;
}
