#include "kms/auth/service.h"

#include "base/error.h"
#include "base/footprint.h"
#include "base/log.h"

#include <string.h>

#define N_WORKERS 16
#define MAX_CONNECTIONS 256
#define MAX_BODY (1024 * 1024)
/* What the HTTP layer lets through, so that a body over MAX_BODY gets the webhook's own answer. */
#define MAX_BODY_READ (4 * MAX_BODY)

#define UNAVAILABLE "authorization backend unavailable"
#define INVALID_REQUEST "invalid authorization request"

void auth_decision_clear(AuthDecision *decision) {
  g_clear_pointer(&decision->reason, g_free);
  g_clear_pointer(&decision->gateway_app_id, g_free);
}

static void reply_json(PrpcHttpRequest *request, int status, json_t *body) {
  g_autoptr(json_t) owned = body;
  g_autofree char *text = json_print(owned);
  prpc_http_reply(request, status, "application/json; charset=utf-8", text, strlen(text), NULL);
}

static void reply_refusal(PrpcHttpRequest *request, int status, const char *reason) {
  reply_json(request, status,
             json_pack("{s:b,s:s,s:s}", "isAllowed", FALSE, "reason", reason, "gatewayAppId", ""));
}

/* The block is for the KMS's audit log; the reference's webhook has no such member, and its KMS ignores it. */
static void reply_decision(PrpcHttpRequest *request, const AuthDecision *decision) {
  json_t *body = json_pack("{s:b,s:s,s:s}", "isAllowed", decision->allowed, "reason", decision->reason, "gatewayAppId",
                           decision->gateway_app_id);
  if (decision->has_block && decision->block <= G_MAXINT64)
    json_object_set_new(body, "blockNumber", json_integer((json_int_t)decision->block));
  reply_json(request, 200, body);
}

static void reply_broken(PrpcHttpRequest *request) {
  reply_json(request, 500, json_pack("{s:s,s:s}", "status", "error", "message", UNAVAILABLE));
}

/* TRUE for JSON; text and nothing at all are refused as invalid questions, other types as what can't be read. */
static gboolean is_json(PrpcHttpRequest *request, gboolean *is_text) {
  const char *header = prpc_http_header(request, "Content-Type");
  g_autofree char *type = header ? g_strndup(header, strcspn(header, ";")) : g_strdup("text/plain");
  g_strstrip(type);
  *is_text = g_ascii_strcasecmp(type, "text/plain") == 0;
  return g_ascii_strcasecmp(type, "application/json") == 0;
}

static void decide(PrpcHttpRequest *request, const AuthBackend *backend, AuthSubject subject,
                   const AuthQuestion *question) {
  g_autoptr(GError) error = NULL;
  g_auto(AuthDecision) decision = {0};
  const char *name = subject == AUTH_APP ? "app" : "kms";
  if (!backend->decide(backend->self, subject, question, &decision, &error)) {
    log_warn("refused %s %s: no decision: %s", name, question->app_id, error->message);
    reply_refusal(request, 200, UNAVAILABLE);
    return;
  }
  log_info("%s %s %s%s%s", decision.allowed ? "allowed" : "refused", name, question->app_id,
           *decision.reason ? ": " : "", decision.reason);
  reply_decision(request, &decision);
}

static void boot_auth(PrpcHttpRequest *request, const AuthBackend *backend, AuthSubject subject) {
  gsize len;
  const char *body = g_bytes_get_data(prpc_http_body(request), &len);
  gboolean is_text;
  gboolean readable = is_json(request, &is_text) && len <= MAX_BODY;
  g_auto(AuthQuestion) question = {0};
  AuthParsing parsing = readable ? auth_question_parse(body ? body : "", len, &question) : AUTH_NOT_JSON;
  if (parsing == AUTH_PARSED)
    decide(request, backend, subject, &question);
  else if (parsing == AUTH_NOT_A_QUESTION || is_text)
    reply_refusal(request, 400, INVALID_REQUEST);
  else
    reply_broken(request);
}

static void on_app(PrpcHttpRequest *request, gpointer backend) { boot_auth(request, backend, AUTH_APP); }
static void on_kms(PrpcHttpRequest *request, gpointer backend) { boot_auth(request, backend, AUTH_KMS); }

static void on_info(PrpcHttpRequest *request, gpointer user_data) {
  const AuthBackend *backend = user_data;
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) info = backend->info(backend->self, &error);
  if (!info) {
    log_warn("no information: %s", error->message);
    reply_broken(request);
    return;
  }
  json_t *body = json_pack("{s:s}", "status", "ok");
  json_object_update(body, info);
  reply_json(request, 200, body);
}

static void on_unknown(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data; /* the shape is the router's */
  g_autofree char *message =
      g_strdup_printf("Route %s:%s not found", prpc_http_method(request), prpc_http_path(request));
  g_autofree char *valid = g_utf8_make_valid(message, -1);
  reply_json(request, 404, json_pack("{s:s,s:s,s:i}", "message", valid, "error", "Not Found", "statusCode", 404));
}

PrpcRouter *auth_router_new(const AuthBackend *backend) {
  PrpcRouter *router = prpc_router_new("dstack-auth");
  prpc_router_route(router, "GET", "/", 0, on_info, (gpointer)backend);
  prpc_router_route(router, "POST", "/bootAuth/app", MAX_BODY_READ, on_app, (gpointer)backend);
  prpc_router_route(router, "POST", "/bootAuth/kms", MAX_BODY_READ, on_kms, (gpointer)backend);
  prpc_router_route(router, "GET,POST,PUT,PATCH,DELETE,OPTIONS", "/*", MAX_BODY_READ, on_unknown, NULL);
  return router;
}

static gboolean serve(const AuthBackend *backend, const char *host, const char *port, GError **error) {
  g_autofree char *address = g_strdup_printf(strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
  g_autoptr(PrpcServer) server = prpc_server_new(N_WORKERS, MAX_CONNECTIONS, error);
  if (!server)
    return FALSE;
  PrpcRouter *router = auth_router_new(backend);
  const PrpcListenOptions options = {0};
  guint listener = prpc_server_listen(server, address, router, &options, error);
  if (listener != 0) {
    log_info("server listening on %s:%u", host, prpc_server_port(server, listener));
    footprint_shed_startup();
    prpc_server_run(server);
  }
  g_clear_pointer(&server, prpc_server_free);
  prpc_router_free(router);
  return listener != 0;
}

int auth_serve(const AuthBackend *backend, const char *host, const char *port) {
  g_autoptr(GError) error = NULL;
  const char *numeric = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
  if (serve(backend, numeric, port, &error))
    return 0;
  log_error("%s", error->message);
  return 1;
}
