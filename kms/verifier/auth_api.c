#include "kms/verifier/auth_api.h"

#include "base/error.h"
#include "base/json.h"
#include "prpc/client.h"

#include <string.h>

#define CONNECT_MS 5000
#define TOTAL_MS 30000
#define MAX_ANSWER (1024 * 1024)
#define MAX_QUOTED_ANSWER 512

struct AuthApi {
  AuthType type;
  char *dev_gateway_app_id;
  PrpcClient *webhook; /* NULL in development */
};

AuthApi *auth_api_new(const KmsConfig *config, GError **error) {
  g_autoptr(AuthApi) api = g_new0(AuthApi, 1);
  api->type = config->auth_type;
  api->dev_gateway_app_id = g_strdup(config->dev_gateway_app_id);
  if (api->type == AUTH_DEV)
    return g_steal_pointer(&api);
  api->webhook = prpc_client_new(config->webhook_url, error);
  if (!api->webhook) {
    g_prefix_error(error, "core.auth_api.webhook.url: ");
    return NULL;
  }
  prpc_client_set_timeouts(api->webhook, CONNECT_MS, TOTAL_MS);
  prpc_client_keep_alive(api->webhook);
  prpc_client_add_header(api->webhook, "User-Agent: dstack-kms/" DSTACK_VERSION);
  return g_steal_pointer(&api);
}

void auth_api_free(AuthApi *api) {
  if (!api)
    return;
  prpc_client_free(api->webhook);
  g_free(api->dev_gateway_app_id);
  g_free(api);
}

void auth_info_clear(AuthInfo *info) {
  g_clear_pointer(&info->gateway_app_id, g_free);
  g_clear_pointer(&info->contract, g_free);
  g_clear_pointer(&info->implementation, g_free);
  g_clear_pointer(&info->rpc_url, g_free);
}

/* The first 512 bytes, cut between characters. */
static char *quote_answer(GBytes *answer) {
  gsize len;
  const char *data = g_bytes_get_data(answer, &len);
  g_autofree char *text = g_utf8_make_valid(data ? data : "", (gssize)len);
  if (strlen(text) > MAX_QUOTED_ANSWER)
    *g_utf8_find_prev_char(text, text + MAX_QUOTED_ANSWER + 1) = '\0';
  return g_strdup(text);
}

static GBytes *exchange(AuthApi *api, const char *verb, const char *path, const char *body, GError **error) {
  int status = 0;
  gsize len = body ? strlen(body) : 0;
  g_autoptr(GBytes) answer = prpc_client_http(api->webhook, verb, path, body ? "application/json" : NULL, body, len,
                                              MAX_ANSWER, &status, error);
  if (!answer)
    return NULL;
  if (status >= 200 && status < 300)
    return g_steal_pointer(&answer);
  g_autofree char *quoted = quote_answer(answer);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "webhook answered status %d: %s", status, quoted);
  return NULL;
}

static gboolean get_bool(const json_t *object, const char *key, gboolean *out, GError **error) {
  json_t *value = json_object_get(object, key);
  *out = json_is_true(value);
  if (json_is_boolean(value))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "webhook answer.%s: expected true or false", key);
  return FALSE;
}

/* A webhook need not say, and the reference's does not. */
static guint64 get_block(const json_t *reply) {
  const json_t *block = json_object_get(reply, "blockNumber");
  return json_is_integer(block) && json_integer_value(block) >= 0 ? (guint64)json_integer_value(block)
                                                                  : AUDIT_BLOCK_UNKNOWN;
}

void boot_decision_clear(BootDecision *decision) { g_clear_pointer(&decision->gateway_app_id, g_free); }

gboolean auth_reply_parse(const char *json, gsize len, BootDecision *out, GError **error) {
  static const char what[] = "webhook answer";
  g_autoptr(json_t) reply = json_parse(json, len, what, error);
  *out = (BootDecision){.contract_block = AUDIT_BLOCK_UNKNOWN};
  if (!reply || !json_require_object(reply, what, error))
    return FALSE;
  gboolean allowed;
  if (!get_bool(reply, "isAllowed", &allowed, error))
    return FALSE;
  out->contract_block = get_block(reply);
  const char *gateway_app_id = json_get_string(reply, "gatewayAppId", what, error);
  const char *reason = gateway_app_id ? json_get_string(reply, "reason", what, error) : NULL;
  if (!reason)
    return FALSE;
  if (allowed)
    out->gateway_app_id = g_strdup(gateway_app_id);
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "boot denied: %s", reason);
  return allowed;
}

static gboolean ask(AuthApi *api, const char *path, const char *question, BootDecision *out, GError **error) {
  g_autoptr(GBytes) answer = exchange(api, "POST", path, question, error);
  if (!answer)
    return FALSE;
  gsize len;
  const char *json = g_bytes_get_data(answer, &len);
  return auth_reply_parse(json, len, out, error);
}

gboolean auth_api_allow(AuthApi *api, AuthQuestion about, const BootInfo *info, BootDecision *out, GError **error) {
  *out = (BootDecision){.contract_block = AUDIT_BLOCK_UNKNOWN};
  if (api->type == AUTH_DEV) {
    out->gateway_app_id = g_strdup(api->dev_gateway_app_id);
    return TRUE;
  }
  g_autofree char *question = boot_info_to_json(info, error);
  g_autoptr(GError) cause = NULL;
  if (!question)
    return FALSE;
  if (ask(api, about == AUTH_ASK_KMS ? "/bootAuth/kms" : "/bootAuth/app", question, out, &cause))
    return TRUE;
  if (!g_error_matches(cause, DSTACK_ERROR, DSTACK_ERROR_DENIED))
    g_prefix_error(&cause, "failed to check boot auth: ");
  g_propagate_error(error, g_steal_pointer(&cause));
  return FALSE;
}

gboolean auth_info_parse(const char *json, gsize len, AuthInfo *out, GError **error) {
  static const char what[] = "webhook info";
  g_autoptr(json_t) info = json_parse(json, len, what, error);
  if (!info || !json_require_object(info, what, error) || !json_get_string(info, "status", what, error))
    return FALSE;
  const char *contract = json_get_string(info, "kmsContractAddr", what, error);
  const char *gateway_app_id = contract ? json_get_string(info, "gatewayAppId", what, error) : NULL;
  const char *implementation = gateway_app_id ? json_get_string(info, "appImplementation", what, error) : NULL;
  guint64 chain_id;
  if (!implementation || !json_get_uint(info, "chainId", G_MAXINT64, &chain_id, what, error))
    return FALSE;
  const char *rpc_url = json_string_value(json_object_get(info, "ethRpcUrl")); /* newer webhooks only */
  *out = (AuthInfo){g_strdup(gateway_app_id),  TRUE, g_strdup(contract), chain_id, g_strdup(implementation),
                    g_strdup(rpc_url ? rpc_url : "")};
  return TRUE;
}

gboolean auth_api_info(AuthApi *api, AuthInfo *out, GError **error) {
  if (api->type == AUTH_DEV) {
    *out = (AuthInfo){.gateway_app_id = g_strdup(api->dev_gateway_app_id),
                      .contract = g_strdup(""),
                      .implementation = g_strdup(""),
                      .rpc_url = g_strdup("")};
    return TRUE;
  }
  g_autoptr(GBytes) answer = exchange(api, "GET", "", NULL, error);
  if (!answer)
    return FALSE;
  gsize len;
  const char *json = g_bytes_get_data(answer, &len);
  return auth_info_parse(json, len, out, error);
}
