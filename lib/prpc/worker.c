/* What a worker thread does with a request: checks, then the handler. The connection stays as it is meanwhile. */
#include "prpc/server_private.h"

#include "base/error.h"
#include "base/log.h"

/* Only calls of methods are judged by certificate, once for a connection and again after a failure. */
static gboolean authenticate(PrpcHttpRequest *request) {
  PrpcConnection *connection = request->connection;
  const PrpcListenOptions *options = &connection->listener->options;
  if (!request->target.service || !options->authenticator || !connection->certificate || connection->authenticated)
    return TRUE;
  g_autoptr(GError) error = NULL;
  connection->authenticated =
      options->authenticator(connection->certificate, options->authenticator_data, &connection->identity, &error);
  if (!connection->authenticated) {
    log_info("refused client certificate of %s: %s", request->peer->address,
             error ? error->message : "no reason given");
    prpc_request_answer_error(request, error ? error->message : "client certificate refused");
  }
  return connection->authenticated;
}

static gboolean pass_checks(PrpcHttpRequest *request) {
  const PrpcRouter *router = request->router;
  request->needs_checks = FALSE;
  if (router->filter && !router->filter(request, router->filter_data)) {
    if (!request->answered)
      prpc_request_answer_page(request, 401);
    return FALSE;
  }
  return authenticate(request);
}

static void call_method(PrpcHttpRequest *request) {
  PrpcCall call = {
      .peer = request->peer,
      .certificate = request->connection->certificate,
      .identity = request->connection->identity,
      .method = request->target.method,
  };
  gboolean ok;
  GBytes *answer = prpc_dispatch(request->target.service, &call, request->encoding, request->query, request->body, &ok);
  prpc_request_answer_bytes(request, ok ? 200 : 400, prpc_encoding_content_type(request->encoding), answer);
}

void prpc_worker_handle(PrpcHttpRequest *request) {
  if (request->target.service)
    call_method(request);
  else if (request->target.route)
    request->target.route->run(request, request->target.route->user_data);
  else
    prpc_request_answer_page(request, request->target.status);
  if (!request->answered && !request->stream.started) {
    log_error("route %s did not answer", request->path);
    prpc_request_answer_page(request, 500);
  }
}

void prpc_worker_run(gpointer data, gpointer server) {
  PrpcHttpRequest *request = data;
  gboolean passed = !request->needs_checks || pass_checks(request);
  if (passed && request->body)
    prpc_worker_handle(request);
  prpc_loop_post(((PrpcServer *)server)->loop, prpc_connection_on_worked, request);
}
