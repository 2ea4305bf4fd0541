#include "kms/admin.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "kms.pb-c.h"

#include <string.h>

#define DEFAULT_LIMIT 100
#define LINES_TYPE "application/x-ndjson"

#define CHALLENGE "WWW-Authenticate: Basic realm=\"dstack-kms admin\""

void kms_admin_clear(KmsAdmin *admin) {
  g_clear_pointer(&admin->credentials, prpc_credentials_free);
  g_clear_pointer(&admin->audit, audit_reader_free);
}

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

gboolean kms_admin_open_audit(const KmsConfig *config, KmsAdmin *admin, GError **error) {
  if (!config->admin_enabled || !config->audit_dir || admin->audit)
    return TRUE;
  admin->audit = audit_reader_open(config->audit_dir, error);
  if (admin->audit)
    return TRUE;
  g_prefix_error(error, "audit log: ");
  return FALSE;
}

static gboolean require_audit(const KmsAdmin *admin, GError **error) {
  if (admin->audit)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "there is no audit log: core.audit.enabled is false");
  return FALSE;
}

static gboolean audit_log(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                          gpointer user_data, GError **error) {
  (void)call; /* who calls was judged before */
  const KmsAdmin *admin = user_data;
  const Kms__AuditLogRequest *args = (const Kms__AuditLogRequest *)request;
  Kms__AuditLogResponse *answer = (Kms__AuditLogResponse *)response;
  AuditHead head;
  if (!require_audit(admin, error) || !audit_reader_head(admin->audit, &head, error))
    return FALSE;
  g_autoptr(GPtrArray) page =
      audit_reader_page(admin->audit, args->since, args->limit ? args->limit : DEFAULT_LIMIT, error);
  if (!page)
    return FALSE;
  answer->head_seq = head.seq;
  prpc_set_bytes(&answer->head_hash, head.hash, sizeof head.hash);
  gsize n_lines;
  answer->lines = (char **)g_ptr_array_steal(page, &n_lines);
  answer->n_lines = n_lines;
  return TRUE;
}

static void reply_error(PrpcHttpRequest *request, const GError *error) {
  prpc_http_reply(request, 400, "text/plain", error->message, strlen(error->message), NULL);
}

/* A number of the query; `fallback` when it is absent. */
static gboolean query_number(PrpcHttpRequest *request, const char *name, guint64 fallback, guint64 max, guint64 *out,
                             GError **error) {
  g_autofree char *text = prpc_http_query_value(request, name);
  *out = fallback;
  if (!text || g_ascii_string_to_unsigned(text, 10, 0, max, out, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected a number of at most %" G_GUINT64_FORMAT, name,
              max);
  return FALSE;
}

/* The lines as they are in the file, so that what was saved can be verified. */
static void answer_audit_lines(PrpcHttpRequest *request, gpointer user_data) {
  const KmsAdmin *admin = user_data;
  g_autoptr(GError) error = NULL;
  guint64 since, limit;
  g_autoptr(GPtrArray) page = NULL;
  if (require_audit(admin, &error) && query_number(request, "since", 0, G_MAXINT64, &since, &error) &&
      query_number(request, "limit", DEFAULT_LIMIT, AUDIT_PAGE_LINES, &limit, &error))
    page = audit_reader_page(admin->audit, since, (guint)limit, &error);
  if (!page) {
    reply_error(request, error);
    return;
  }
  g_autoptr(GString) text = g_string_new(NULL);
  for (guint i = 0; i < page->len; i++)
    g_string_append_printf(text, "%s\n", (const char *)page->pdata[i]);
  prpc_http_reply(request, 200, LINES_TYPE, text->str, text->len, NULL);
}

static void answer_audit_head(PrpcHttpRequest *request, gpointer user_data) {
  const KmsAdmin *admin = user_data;
  g_autoptr(GError) error = NULL;
  AuditHead head;
  if (!require_audit(admin, &error) || !audit_reader_head(admin->audit, &head, &error)) {
    reply_error(request, error);
    return;
  }
  g_autofree char *hash = hex_encode(head.hash, sizeof head.hash);
  g_autoptr(json_t) object = json_pack("{s:I, s:s}", "seq", (json_int_t)head.seq, "hash", hash);
  g_autofree char *text = json_print(object);
  prpc_http_reply(request, 200, "application/json", text, strlen(text), NULL);
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

static gboolean only_reads(PrpcHttpRequest *request) {
  static const char *const paths[] = {"/audit", "/audit/head", "/prpc/AuditLog", "/prpc/Admin.AuditLog", NULL};
  return g_strv_contains(paths, prpc_http_path(request));
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
  if (strcmp(prpc_http_method(request), "POST") != 0 && !only_reads(request))
    return refuse(request, 405, "only POST changes anything here\n", "Allow: POST");
  return TRUE;
}

PrpcRouter *kms_admin_router(KmsAdmin *admin) {
  PrpcService *methods = prpc_service_new(&kms__admin__descriptor, "Admin.", admin);
  prpc_service_handle(methods, "ClearImageCache", clear_image_cache);
  prpc_service_handle(methods, "AuditLog", audit_log);
  PrpcRouter *router = prpc_router_new("DStack KMS admin");
  prpc_router_mount(router, "/prpc", methods);
  prpc_router_route(router, "GET", "/audit", 0, answer_audit_lines, admin);
  prpc_router_route(router, "GET", "/audit/head", 0, answer_audit_head, admin);
  prpc_router_filter(router, guard, admin);
  return router;
}
