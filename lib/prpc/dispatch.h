/* Inside lib/prpc: from the bytes of a request to a handler and back to bytes. No sockets here. */
#pragma once

#include "prpc/http1.h"
#include "prpc/server.h"

typedef enum { PRPC_ENCODING_QUERY, PRPC_ENCODING_JSON, PRPC_ENCODING_PROTOBUF } PrpcEncoding;

struct PrpcCall {
  const PrpcPeer *peer;
  X509 *certificate;
  gpointer identity;
  const char *method; /* after trimming */
};

/* How the request is encoded; a query is answered in JSON (spec: prpc-and-agent-api 1.2). */
PrpcEncoding prpc_encoding_of(const Http1Head *head, const char *query);
const char *prpc_encoding_content_type(PrpcEncoding encoding);

/* `method` without the service's prefix; points into it. */
const char *prpc_service_trim(const PrpcService *service, const char *method);
gboolean prpc_service_is_quick(const PrpcService *service, const char *trimmed_method);
gsize prpc_service_max_body(const PrpcService *service, const char *trimmed_method);

/* Decodes, calls and encodes. *ok says whether the answer is a success (200) or an error (400). */
GBytes *prpc_dispatch(PrpcService *service, PrpcCall *call, PrpcEncoding encoding, const char *query, GBytes *body,
                      gboolean *ok);
GBytes *prpc_encode_error(PrpcEncoding encoding, const char *text);
