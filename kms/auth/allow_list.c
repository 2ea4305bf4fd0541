#include "kms/auth/allow_list.h"

#include "base/log.h"

#include <string.h>

#define MAX_FILE (4 * 1024 * 1024)
#define ZERO_ADDRESS "0x0000000000000000000000000000000000000000"
#define ADDRESS_DIGITS 40
#define WORD_DIGITS 64

static const char *without_prefix(const char *text) {
  return g_str_has_prefix(text, "0x") || g_str_has_prefix(text, "0X") ? text + 2 : text;
}

/* `digits` are lower case. Only a whole value can equal one. */
static gboolean same_hex(const char *entry, const char *digits, gsize n_digits) {
  return strlen(digits) == n_digits && g_ascii_strcasecmp(without_prefix(entry), digits) == 0;
}

static gboolean lists_hex(const json_t *list, const char *digits, gsize n_digits) {
  gsize i;
  json_t *entry;
  json_array_foreach(list, i, entry) if (same_hex(json_string_value(entry), digits, n_digits)) return TRUE;
  return FALSE;
}

static gboolean lists_text(const json_t *list, const char *text) {
  gsize i;
  json_t *entry;
  json_array_foreach(list, i, entry) if (strcmp(json_string_value(entry), text) == 0) return TRUE;
  return FALSE;
}

static gboolean allows_tcb(const json_t *policy, const char *status) {
  const json_t *list = json_object_get(policy, "allowedTcbStatuses");
  return list ? lists_text(list, status) : strcmp(status, "UpToDate") == 0;
}

static gboolean allows_advisories(const json_t *policy, char *const *ids) {
  const json_t *list = json_object_get(policy, "allowedAdvisoryIds");
  for (; *ids; ids++)
    if (!lists_text(list, *ids))
      return FALSE;
  return TRUE;
}

static gboolean allows_device(const json_t *rules, const char *device_id) {
  return json_is_true(json_object_get(rules, "allowAnyDevice")) ||
         lists_hex(json_object_get(rules, "devices"), device_id, WORD_DIGITS);
}

static const char *refuse_kms(const json_t *policy, const AuthQuestion *question) {
  const json_t *kms = json_object_get(policy, "kms");
  if (!lists_hex(json_object_get(kms, "mrAggregated"), question->mr_aggregated, WORD_DIGITS))
    return "aggregated MR not allowed";
  return allows_device(kms, question->device_id) ? NULL : "KMS is not allowed to boot on this device";
}

static const json_t *find_app(const json_t *policy, const char *app_id) {
  const char *name;
  json_t *app;
  json_object_foreach(json_object_get(policy, "apps"), name,
                      app) if (same_hex(name, app_id, ADDRESS_DIGITS)) return app;
  return NULL;
}

static const char *refuse_app(const json_t *policy, const AuthQuestion *question) {
  const json_t *app = find_app(policy, question->app_id);
  if (!app)
    return "app not registered";
  if (!lists_hex(json_object_get(app, "composeHashes"), question->compose_hash, WORD_DIGITS))
    return "compose hash not allowed";
  return allows_device(app, question->device_id) ? NULL : "app is not allowed to boot on this device";
}

/* The first check that fails is the reason. */
static const char *refuse(const json_t *policy, AuthSubject subject, const AuthQuestion *question) {
  if (!allows_tcb(policy, question->tcb_status))
    return "TCB status is not allowed";
  if (!allows_advisories(policy, question->advisory_ids))
    return "advisory ID is not allowed";
  if (!lists_hex(json_object_get(policy, "osImages"), question->os_image_hash, WORD_DIGITS))
    return "OS image is not allowed";
  return subject == AUTH_KMS ? refuse_kms(policy, question) : refuse_app(policy, question);
}

static const char *text_or(const json_t *policy, const char *key, const char *fallback) {
  const char *text = json_string_value(json_object_get(policy, key));
  return text ? text : fallback;
}

void allow_list_decide(const json_t *policy, AuthSubject subject, const AuthQuestion *question, AuthDecision *out) {
  const char *reason = refuse(policy, subject, question);
  *out = (AuthDecision){!reason, g_strdup(reason ? reason : ""), g_strdup(text_or(policy, "gatewayAppId", ""))};
}

/* ---- the file ---- */

/* New reference; NULL when there is no usable policy, which refuses everything. */
static json_t *read_policy(const AllowListFile *file) {
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) policy = json_parse_file(file->path, MAX_FILE, &error);
  if (policy && allow_list_check(policy, &error))
    return g_steal_pointer(&policy);
  log_warn("everything is refused: %s", error->message);
  return NULL;
}

static gboolean decide(gpointer self, AuthSubject subject, const AuthQuestion *question, AuthDecision *out,
                       GError **error) {
  (void)error; /* a policy that can't be read is an empty one */
  g_autoptr(json_t) policy = read_policy(self);
  allow_list_decide(policy, subject, question, out);
  return TRUE;
}

static json_t *info(gpointer self, GError **error) {
  (void)error;
  g_autoptr(json_t) policy = read_policy(self);
  const char *implementation = text_or(policy, "appImplementation", ZERO_ADDRESS);
  return json_pack("{s:s,s:s,s:I,s:s,s:s}", "kmsContractAddr", text_or(policy, "kmsContractAddr", ZERO_ADDRESS),
                   "gatewayAppId", text_or(policy, "gatewayAppId", ""), "chainId",
                   json_integer_value(json_object_get(policy, "chainId")), "appAuthImplementation", implementation,
                   "appImplementation", implementation);
}

AuthBackend allow_list_backend(AllowListFile *file) { return (AuthBackend){decide, info, file}; }
