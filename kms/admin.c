#include "kms/admin.h"

#include "base/error.h"
#include "kms.pb-c.h"

#include <string.h>

#define CHALLENGE "WWW-Authenticate: Basic realm=\"dstack-kms admin\""

void kms_admin_clear(KmsAdmin *admin) { g_clear_pointer(&admin->credentials, prpc_credentials_free); }

/* As the reference has it, a variable that is set hides the other one even when it is empty. Newly allocated. */
static char *find_token(const KmsConfig *config) {
  const char *token = config->admin_token;
  if (strspn(token, " \t\r\n") == strlen(token))
    token = g_getenv("DSTACK_KMS_ADMIN_TOKEN");
  if (!token)
    token = g_getenv("ADMIN_API_TOKEN");
  return g_strstrip(g_strdup(token ? token : ""));
}

gboolean kms_admin_load(const KmsConfig *config, KmsAdmin *admin, GError **error) {
  if (!config->admin_enabled || config->admin_insecure_no_auth)
    return TRUE;
  g_autofree char *token = find_token(config);
  const char *const tokens[] = {token, NULL};
  if (!*token && !*config->admin_htpasswd_file) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "core.admin is enabled without core.admin.auth_token, core.admin.htpasswd_file or, knowing the risk, "
                "core.admin.insecure_no_auth");
    return FALSE;
  }
  admin->credentials = prpc_credentials_new(tokens, config->admin_htpasswd_file, error);
  if (admin->credentials)
    return TRUE;
  g_prefix_error(error, "core.admin.htpasswd_file: ");
  return FALSE;
}

static gboolean clear_image_cache(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                                  gpointer user_data, GError **error) {
  (void)call, (void)response; /* who calls was judged before, and the answer is empty */
  const KmsAdmin *admin = user_data;
  const Kms__AdminClearImageCacheRequest *args = (const Kms__AdminClearImageCacheRequest *)request;
  return verifier_client_clear_images(admin->verifier, args->image_hash, args->config_hash, error);
}

static gboolean has_credential(PrpcHttpRequest *request, const KmsAdmin *admin) {
  return !admin->credentials ||
         prpc_credentials_judge(admin->credentials, prpc_http_header(request, "X-Admin-Token"),
                                prpc_http_header(request, "Authorization")) == PRPC_CREDENTIALS_GOOD;
}

/* There is no page here that a browser could come from, but it may send along a password that it remembers. */
static gboolean comes_from_a_page(PrpcHttpRequest *request) {
  const char *site = prpc_http_header(request, "Sec-Fetch-Site");
  return prpc_http_header(request, "Origin") || (site && strcmp(site, "none") != 0);
}

static gboolean refuse(PrpcHttpRequest *request, int status, const char *text, const char *header) {
  prpc_http_reply(request, status, "text/plain", text, strlen(text), (const char *const[]){header, NULL});
  return FALSE;
}

static gboolean guard(PrpcHttpRequest *request, gpointer user_data) {
  if (!has_credential(request, user_data))
    return refuse(request, 401, "", CHALLENGE);
  if (comes_from_a_page(request))
    return refuse(request, 403, "requests from web pages are refused\n", NULL);
  if (strcmp(prpc_http_method(request), "POST") != 0)
    return refuse(request, 405, "only POST changes anything here\n", "Allow: POST");
  return TRUE;
}

PrpcRouter *kms_admin_router(KmsAdmin *admin) {
  PrpcService *methods = prpc_service_new(&kms__admin__descriptor, "Admin.", admin);
  prpc_service_handle(methods, "ClearImageCache", clear_image_cache);
  PrpcRouter *router = prpc_router_new("DStack KMS admin");
  prpc_router_mount(router, "/prpc", methods);
  prpc_router_filter(router, guard, admin);
  return router;
}
