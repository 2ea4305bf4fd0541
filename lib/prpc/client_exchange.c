#include "prpc/client_exchange.h"

#include "base/error.h"

#include <string.h>

gboolean prpc_exchange_take(PrpcExchange *exchange, const void *data, gsize len, GError **error) {
  if (exchange->sink)
    return exchange->sink(data, len, exchange->sink_data);
  if (len > exchange->max_answer - exchange->answer->len) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "the answer is larger than %zu bytes",
                exchange->max_answer);
    return FALSE;
  }
  g_byte_array_append(exchange->answer, data, (guint)len);
  return TRUE;
}

/* What goes into the request must not end a line of it. */
static gboolean check_request(const PrpcExchange *exchange, GError **error) {
  gboolean clean = exchange->path[0] == '/' || exchange->path[0] == 0;
  for (const char *c = exchange->path; *c; c++)
    clean = clean && (guchar)*c > 0x20 && *c != 0x7f;
  for (guint i = 0; i < exchange->client->headers->len; i++)
    clean = clean && !strpbrk(exchange->client->headers->pdata[i], "\r\n");
  if (!clean)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the path or a header of the request is malformed");
  return clean;
}

gboolean prpc_exchange_run(PrpcExchange *exchange, int *status, GError **error) {
  if (!check_request(exchange, error))
    return FALSE;
  return exchange->client->url.kind == PRPC_ROUTE_HTTP ? prpc_exchange_run_curl(exchange, status, error)
                                                       : prpc_exchange_run_socket(exchange, status, error);
}
