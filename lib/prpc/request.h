/* Inside lib/prpc: one request on its way through a worker, and its answer. */
#pragma once

#include "prpc/dispatch.h"
#include "prpc/http1.h"
#include "prpc/router.h"
#include "prpc/server.h"

#include <event2/buffer.h>

typedef struct PrpcConnection PrpcConnection;

/* The worker's side of a chunked answer. */
typedef struct {
  GMutex lock;
  GCond moved;
  gsize queued;    /* bytes handed to the loop and not yet written */
  gboolean broken; /* nobody reads any more */
  gboolean started, ended;
  gboolean chunked; /* FALSE: the end of the connection is the end of the answer */
} PrpcStream;

struct PrpcHttpRequest {
  PrpcConnection *connection;
  const PrpcRouter *router;
  const PrpcPeer *peer;
  Http1Head *head;
  char *path, *query;
  PrpcTarget target;
  PrpcEncoding encoding;
  gboolean needs_checks; /* the router's filter, the listener's authenticator */
  GBytes *body;          /* NULL until it was read */
  gboolean answered;
  int status;
  char *content_type;
  char **extra_headers;
  GBytes *answer;
  PrpcStream stream;
};

PrpcHttpRequest *prpc_request_new(PrpcConnection *connection, const PrpcRouter *router, const PrpcPeer *peer,
                                  Http1Head *head);
void prpc_request_free(PrpcHttpRequest *request);

/* Answers with the router's page of that status, or, when the request names a method, with the method's error. */
void prpc_request_answer_page(PrpcHttpRequest *request, int status);
void prpc_request_answer_bytes(PrpcHttpRequest *request, int status, const char *content_type, GBytes *body);
void prpc_request_answer_error(PrpcHttpRequest *request, const char *text);

/* Status line and headers. `len` < 0: a chunked or close-delimited body follows. */
void prpc_request_write_head(const PrpcHttpRequest *request, struct evbuffer *out, gssize len, gboolean keep_alive);
/* Head and body as a whole. */
void prpc_request_write_answer(const PrpcHttpRequest *request, struct evbuffer *out, gboolean keep_alive);
/* An answer to what could not be read as a request at all. */
void prpc_write_bare_status(struct evbuffer *out, int status);

/* Told by the loop: `written` bytes left; or nobody reads any more. */
void prpc_stream_written(PrpcStream *stream, gsize written);
void prpc_stream_break(PrpcStream *stream);
