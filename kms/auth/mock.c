#include "kms/auth/mock.h"

#include "eth/rpc.h"

#include <string.h>

#define MAX_LIST 1024

static gboolean lists(const char *list, const char *digits) {
  g_auto(GStrv) entries = g_strsplit(list, ",", MAX_LIST);
  for (char **at = entries; *at; at++) {
    const char *entry = g_strstrip(*at);
    if (g_ascii_strcasecmp(g_str_has_prefix(entry, "0x") ? entry + 2 : entry, digits) == 0 && *digits)
      return TRUE;
  }
  return FALSE;
}

static gboolean allow_if_listed(AuthEnvironment *environment, const char *policy, const AuthQuestion *question,
                                char **reason) {
  gboolean by_device = strcmp(policy, "allowlist-device") == 0;
  const char *list =
      auth_environment_get(environment, by_device ? "MOCK_ALLOWED_DEVICE_IDS" : "MOCK_ALLOWED_MR_AGGREGATED", "");
  const char *value = by_device ? question->device_id : question->mr_aggregated;
  gboolean listed = lists(list, value);
  *reason = !*list ? g_strdup_printf("mock policy: %s with empty list", policy)
                   : g_strdup_printf("mock policy: %s %s %s", by_device ? "device" : "mrAggregated", value,
                                     listed ? "allowed" : "not in allowlist");
  return listed;
}

/* An unknown policy denies: a mistyped one must not open everything. */
static gboolean judge(AuthEnvironment *environment, AuthSubject subject, const AuthQuestion *question, char **reason) {
  const char *policy = auth_environment_get(environment, "MOCK_POLICY", "allow-all");
  const char *what = subject == AUTH_APP ? "app" : "KMS";
  if (strcmp(policy, "allowlist-device") == 0 || strcmp(policy, "allowlist-mr") == 0)
    return allow_if_listed(environment, policy, question, reason);
  gboolean allow_all = strcmp(policy, "allow-all") == 0;
  const char *denied = subject == AUTH_APP ? "deny-app" : "deny-kms",
             *other = subject == AUTH_APP ? "deny-kms" : "deny-app";
  gboolean allowed = allow_all || strcmp(policy, other) == 0;
  if (allow_all)
    *reason = g_strdup_printf("mock %s always allowed", what);
  else if (allowed)
    *reason = g_strdup_printf("mock %s allowed (%s policy)", what, other);
  else
    *reason = g_strdup_printf("mock policy: %s", strcmp(policy, denied) == 0 ? denied : "deny-all");
  return allowed;
}

static const char *gateway_app_id(AuthEnvironment *environment) {
  return auth_environment_get(environment, "MOCK_GATEWAY_APP_ID", "0xmockgateway1234567890123456789012345678");
}

static gboolean decide(gpointer self, AuthSubject subject, const AuthQuestion *question, AuthDecision *out,
                       GError **error) {
  (void)error; /* a developer's word is always there */
  out->allowed = judge(self, subject, question, &out->reason);
  out->gateway_app_id = g_strdup(out->allowed ? gateway_app_id(self) : "");
  return TRUE;
}

static json_t *info(gpointer self, GError **error) {
  guint64 chain_id;
  if (!auth_environment_uint(self, "MOCK_CHAIN_ID", 1337, G_MAXINT64, &chain_id, error))
    return NULL;
  const char *implementation =
      auth_environment_get(self, "MOCK_APP_IMPLEMENTATION", "0xmockapp9876543210987654321098765432109");
  const char *url = auth_environment_get(self, "ETH_RPC_URL", "");
  g_autofree char *label = *url ? eth_rpc_label(url) : g_strdup("");
  return json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:s}", "kmsContractAddr",
                   auth_environment_get(self, "KMS_CONTRACT_ADDR", "0xmockcontract1234567890123456789012345678"),
                   "ethRpcUrl", label, "gatewayAppId", gateway_app_id(self), "chainId", (json_int_t)chain_id,
                   "appAuthImplementation", implementation, "appImplementation", implementation, "note",
                   "decisions come from MOCK_POLICY: for development only");
}

AuthBackend mock_backend(AuthEnvironment *environment) { return (AuthBackend){decide, info, environment}; }
