#include "prpc/client_exchange.h"

#include "base/error.h"
#include "prpc/message_field.h"

#include <jansson.h>
#include <string.h>

#define CONNECT_MS 5000
#define TOTAL_MS 60000
#define MAX_ANSWER (16 * 1024 * 1024)
#define MAX_EXCERPT 200 /* characters of an answer that go into an error */

PrpcClient *prpc_client_new(const char *base_url, GError **error) {
  PrpcClientUrl url;
  if (!prpc_client_url_parse(&url, base_url, error))
    return NULL;
  PrpcClient *client = g_new0(PrpcClient, 1);
  client->url = url;
  client->verify_host = TRUE;
  client->connect_ms = CONNECT_MS;
  client->total_ms = TOTAL_MS;
  client->headers = g_ptr_array_new_with_free_func(g_free);
  return client;
}

void prpc_client_free(PrpcClient *client) {
  if (!client)
    return;
  prpc_client_url_clear(&client->url);
  g_clear_pointer(&client->tls, SSL_CTX_free);
  g_ptr_array_unref(client->headers);
  g_clear_pointer(&client->idle_curl, g_async_queue_unref);
  g_free(client);
}

void prpc_client_set_tls(PrpcClient *client, SSL_CTX *context, gboolean verify_host) {
  SSL_CTX_up_ref(context);
  g_clear_pointer(&client->tls, SSL_CTX_free);
  client->tls = context;
  client->verify_host = verify_host;
}

void prpc_client_set_server_check(PrpcClient *client, PrpcServerCheck check, gpointer user_data) {
  client->check = check;
  client->check_data = user_data;
}

void prpc_client_set_timeouts(PrpcClient *client, guint connect_ms, guint total_ms) {
  client->connect_ms = connect_ms;
  client->total_ms = total_ms;
}

void prpc_client_set_idle_timeout(PrpcClient *client, guint idle_ms) { client->idle_ms = idle_ms; }

void prpc_client_keep_alive(PrpcClient *client) {
  if (g_str_has_prefix(client->url.base, "http:") && !client->idle_curl)
    client->idle_curl = g_async_queue_new_full(prpc_exchange_drop_curl);
}

void prpc_client_add_header(PrpcClient *client, const char *header) {
  g_ptr_array_add(client->headers, g_strdup(header));
}

GBytes *prpc_client_http(PrpcClient *client, const char *verb, const char *path, const char *content_type,
                         const void *body, gsize len, gsize max_answer, int *status, GError **error) {
  g_autoptr(GByteArray) answer = g_byte_array_new();
  PrpcExchange exchange = {.client = client,
                           .verb = verb,
                           .path = path,
                           .content_type = content_type,
                           .body = body,
                           .body_len = len,
                           .total_ms = client->total_ms,
                           .answer = answer,
                           .max_answer = max_answer};
  if (!prpc_exchange_run(&exchange, status, error))
    return NULL;
  return g_byte_array_free_to_bytes(g_steal_pointer(&answer));
}

gboolean prpc_client_stream(PrpcClient *client, const char *path, PrpcSink sink, gpointer user_data, int *status,
                            GError **error) {
  PrpcExchange exchange = {
      .client = client, .verb = "GET", .path = path, .sink = sink, .sink_data = user_data, .idle_ms = client->idle_ms};
  return prpc_exchange_run(&exchange, status, error);
}

/* ---- calls ---- */

/* The server's reason: the member `error`, or what the answer begins with. */
static char *reason_of(GBytes *answer) {
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  json_t *object = json_loadb(text, len, 0, NULL);
  const char *reason = json_string_value(json_object_get(object, "error"));
  char *result = reason ? g_strdup(reason) : g_utf8_make_valid(text ? text : "", (gssize)MIN(len, MAX_EXCERPT));
  json_decref(object);
  return result;
}

/* Plain callers take nothing but 200 for a success; over TLS the reference takes any 2xx. */
static gboolean is_success(const PrpcClient *client, int status) {
  return status == 200 || (g_str_has_prefix(client->url.base, "https:") && status / 100 == 2);
}

static ProtobufCMessage *decode_answer(const ProtobufCMessageDescriptor *type, GBytes *answer, GError **error) {
  gsize len;
  const char *text = g_bytes_get_data(answer, &len);
  if (len > 0 || prpc_type_is_empty(type))
    return prpc_message_from_json(type, text, len, error);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the answer is empty");
  return NULL;
}

static ProtobufCMessage *call(PrpcClient *client, const char *method, const ProtobufCMessage *request,
                              const ProtobufCMessageDescriptor *response_type, GError **error) {
  g_autofree char *path = g_strdup_printf("/%s?json", method);
  g_autofree char *body = request ? prpc_message_to_json(request) : g_strdup("null");
  int status;
  g_autoptr(GBytes) answer =
      prpc_client_http(client, "POST", path, NULL, body, strlen(body), MAX_ANSWER, &status, error);
  if (!answer)
    return NULL;
  if (is_success(client, status))
    return decode_answer(response_type, answer, error);
  g_autofree char *reason = reason_of(answer);
  if (status == 400)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "%s", reason);
  else
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "status %d: %s", status, reason);
  return NULL;
}

ProtobufCMessage *prpc_client_call(PrpcClient *client, const char *method, const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response_type, GError **error) {
  ProtobufCMessage *response = call(client, method, request, response_type, error);
  if (!response)
    g_prefix_error(error, "%s: ", method);
  return response;
}
