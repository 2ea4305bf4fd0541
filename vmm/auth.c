#include "vmm/auth.h"

#include "prpc/credentials.h"

#include <string.h>

#define CHALLENGE "WWW-Authenticate: Basic realm=\"dstack-vmm API\""

struct VmmAuth {
  gboolean enabled;
  PrpcCredentials *credentials;
};

VmmAuth *vmm_auth_new(const VmmConfig *config, GError **error) {
  g_autoptr(VmmAuth) auth = g_new0(VmmAuth, 1);
  auth->enabled = config->auth;
  auth->credentials = prpc_credentials_new((const char *const *)config->auth_tokens,
                                           auth->enabled ? config->htpasswd_file : NULL, error);
  return auth->credentials ? g_steal_pointer(&auth) : NULL;
}

void vmm_auth_free(VmmAuth *auth) {
  if (!auth)
    return;
  prpc_credentials_free(auth->credentials);
  g_free(auth);
}

gboolean vmm_auth_allows(VmmAuth *auth, const char *admin_token, const char *authorization, const char *query_token) {
  if (!auth->enabled)
    return TRUE;
  PrpcCredentialsVerdict verdict = prpc_credentials_judge(auth->credentials, admin_token, authorization);
  if (verdict != PRPC_CREDENTIALS_NONE)
    return verdict == PRPC_CREDENTIALS_GOOD;
  return query_token && prpc_credentials_is_token(auth->credentials, query_token);
}

gboolean vmm_auth_filter(PrpcHttpRequest *request, gpointer user_data) {
  gboolean is_get = strcmp(prpc_http_method(request), "GET") == 0;
  g_autofree char *token = is_get ? prpc_http_query_value(request, "token") : NULL;
  if (vmm_auth_allows(user_data, prpc_http_header(request, "X-Admin-Token"), prpc_http_header(request, "Authorization"), token))
    return TRUE;
  static const char *const headers[] = {CHALLENGE, NULL};
  prpc_http_reply(request, 401, "text/plain", "", 0, headers);
  return FALSE;
}
