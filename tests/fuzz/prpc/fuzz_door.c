/* A request's whole way without sockets: head, route, body, encoding, dispatch, answer. */
#include "guest_agent.pb-c.h"
#include "prpc/request.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>

static gboolean echo(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                     GError **error) {
  (void)call, (void)data;
  const DstackGuest__GetKeyArgs *args = (const DstackGuest__GetKeyArgs *)request;
  DstackGuest__GetKeyResponse *out = (DstackGuest__GetKeyResponse *)response;
  prpc_set_bytes(&out->key, args->path, strlen(args->path));
  if (*args->purpose)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "no purpose: %s", args->path);
  return FALSE;
}

static gboolean nothing(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                        GError **error) {
  (void)call, (void)request, (void)response, (void)data, (void)error;
  return TRUE;
}

static PrpcRouter *make_router(void) {
  PrpcRouter *router = prpc_router_new("fuzz");
  PrpcService *service = prpc_service_new(&dstack_guest__dstack_guest__descriptor, "Tappd.", NULL);
  prpc_service_handle(service, "GetKey", echo);
  prpc_service_handle(service, "GetTlsKey", nothing);
  prpc_service_handle(service, "EmitEvent", nothing);
  prpc_service_handle(service, "Info", nothing);
  prpc_router_mount(router, "", service);
  return router;
}

static GBytes *read_body(const Http1Head *head, gsize max, const guint8 *data, gsize len) {
  Http1Body body;
  gsize used;
  http1_body_init(&body, head, max);
  if (http1_body_feed(&body, data, len, &used) == HTTP1_BODY_DONE)
    return http1_body_take(&body);
  http1_body_clear(&body);
  return NULL;
}

static void answer(PrpcHttpRequest *request, const guint8 *body, gsize len) {
  request->body = read_body(request->head, request->target.max_body, body, len);
  if (request->target.service && request->body) {
    static const PrpcPeer peer = {.kind = PRPC_PEER_UNIX, .address = "fuzz"};
    PrpcCall call = {.peer = &peer, .method = request->target.method};
    gboolean ok;
    GBytes *bytes =
        prpc_dispatch(request->target.service, &call, request->encoding, request->query, request->body, &ok);
    prpc_request_answer_bytes(request, ok ? 200 : 400, prpc_encoding_content_type(request->encoding), bytes);
  } else if (request->target.service) {
    prpc_request_answer_error(request, "payload too large");
  } else {
    prpc_request_answer_page(request, request->target.status);
  }
  struct evbuffer *out = evbuffer_new();
  prpc_request_write_answer(request, out, request->head->keep_alive);
  g_assert(evbuffer_get_length(out) > 0);
  evbuffer_free(out);
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  static PrpcRouter *router;
  if (!router) {
    log_init("fuzz", LOG_OFF);
    router = make_router();
  }
  gsize scanned = 0;
  gssize head_len = http1_head_length((const char *)data, size, &scanned);
  int status;
  Http1Head *head = head_len > 0 ? http1_head_parse((const char *)data, (gsize)head_len, &status) : NULL;
  if (!head)
    return 0;
  PrpcHttpRequest *request = prpc_request_new(NULL, router, NULL, head);
  answer(request, data + head_len, size - (gsize)head_len);
  prpc_request_free(request);
  return 0;
}
