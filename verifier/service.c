#include "service.h"

#include "base/json.h"
#include "base/log.h"
#include "request.h"
#include "response.h"

#include <string.h>

#define BODY_MAX_SIZE (1024 * 1024)
#define HEALTH "{\"status\":\"ok\",\"service\":\"dstack-verifier\"}"

static void reply_json(PrpcHttpRequest *request, int status, const json_t *json) {
  g_autofree char *text = json_print(json);
  prpc_http_reply(request, status, "application/json", text, strlen(text), NULL);
}

static void reply_error(PrpcHttpRequest *request, int status, const char *message) {
  g_autoptr(json_t) json = json_object();
  json_object_set_new(json, "error", json_string(message));
  reply_json(request, status, json);
}

static void health(PrpcHttpRequest *request, gpointer user_data) {
  (void)user_data; /* nothing to ask: the process answers */
  prpc_http_reply(request, 200, "application/json", HEALTH, strlen(HEALTH), NULL);
}

static void verify(PrpcHttpRequest *request, gpointer user_data) {
  g_auto(VerifyRequest) body = {0};
  g_auto(Verification) verification = {0};
  g_autoptr(GError) error = NULL;
  gsize len;
  const char *text = g_bytes_get_data(prpc_http_body(request), &len);
  RequestStatus status = verify_request_parse(text ? text : "", len, &body, &error);
  if (status != REQUEST_OK) {
    reply_error(request, status == REQUEST_NOT_JSON ? 400 : 422, error->message);
    return;
  }
  verify_request(user_data, &body, &verification);
  if (!verification.is_valid)
    log_info("refused a quote: %s", verification.reason);
  g_autoptr(json_t) response = verification_describe(&verification, body.debug);
  reply_json(request, 200, response);
}

PrpcRouter *verifier_router_new(VerificationContext *context) {
  PrpcRouter *router = prpc_router_new("dstack-verifier");
  prpc_router_route(router, "GET", "/health", 0, health, NULL);
  prpc_router_route(router, "POST", "/verify", BODY_MAX_SIZE, verify, context);
  return router;
}
