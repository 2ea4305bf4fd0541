#include "service.h"

#include "base/json.h"
#include "base/log.h"
#include "request.h"
#include "response.h"

#include <string.h>

#define BODY_MAX_SIZE (1024 * 1024)
#define METRICS_TYPE "text/plain; version=0.0.4"
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

static void metrics(PrpcHttpRequest *request, gpointer user_data) {
  VerifierService *service = user_data;
  ImageStoreCounts images = image_store_counts(service->images);
  g_autofree char *text = metrics_print(&service->metrics, &images);
  prpc_http_reply(request, 200, METRICS_TYPE, text, strlen(text), NULL);
}

static void refuse_request(PrpcHttpRequest *request, VerifierService *service, RequestStatus status,
                           const GError *error) {
  metrics_add_bad_request(&service->metrics);
  reply_error(request, status == REQUEST_NOT_JSON ? 400 : 422, error->message);
}

static void judge(VerifierService *service, const VerifyRequest *body, Verification *out) {
  gint64 start = g_get_monotonic_time();
  verify_request(service->verification, body, out);
  metrics_add_verdict(&service->metrics, out->is_valid, g_get_monotonic_time() - start);
  if (!out->is_valid)
    log_info("refused a quote: %s", out->reason);
}

static void verify(PrpcHttpRequest *request, gpointer user_data) {
  VerifierService *service = user_data;
  g_auto(VerifyRequest) body = {0};
  g_auto(Verification) verification = {0};
  g_autoptr(GError) error = NULL;
  gsize len;
  const char *text = g_bytes_get_data(prpc_http_body(request), &len);
  RequestStatus status = verify_request_parse(text ? text : "", len, &body, &error);
  if (status != REQUEST_OK) {
    refuse_request(request, service, status, error);
    return;
  }
  judge(service, &body, &verification);
  g_autoptr(json_t) response = verification_describe(&verification, body.debug);
  reply_json(request, 200, response);
}

PrpcRouter *verifier_router_new(VerifierService *service) {
  PrpcRouter *router = prpc_router_new("dstack-verifier");
  prpc_router_route(router, "GET", "/health", 0, health, NULL);
  prpc_router_route(router, "GET", "/metrics", 0, metrics, service);
  prpc_router_route(router, "POST", "/verify", BODY_MAX_SIZE, verify, service);
  return router;
}
