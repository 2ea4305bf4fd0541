#include "prpc/dispatch.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"
#include "prpc.pb-c.h"
#include "prpc/json_text.h"
#include "prpc/uri.h"

#include <string.h>

#define DEFAULT_MAX_BODY (10 * 1024 * 1024)

struct PrpcService {
  const ProtobufCServiceDescriptor *descriptor;
  char *trim_prefix;
  gpointer user_data;
  PrpcHandler *handlers; /* by the index of the method in the descriptor */
  gboolean *quick;       /* the same way */
  GHashTable *limits;    /* lower-case method name -> gsize * */
  gint calls;            /* numbers the calls in the log */
};

PrpcService *prpc_service_new(const ProtobufCServiceDescriptor *descriptor, const char *trim_prefix,
                              gpointer user_data) {
  PrpcService *service = g_new0(PrpcService, 1);
  service->descriptor = descriptor;
  service->trim_prefix = g_strdup(trim_prefix);
  service->user_data = user_data;
  service->handlers = g_new0(PrpcHandler, descriptor->n_methods + 1);
  service->quick = g_new0(gboolean, descriptor->n_methods + 1);
  service->limits = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  return service;
}

void prpc_service_free(PrpcService *service) {
  if (!service)
    return;
  g_free(service->trim_prefix);
  g_free(service->handlers);
  g_free(service->quick);
  g_hash_table_unref(service->limits);
  g_free(service);
}

static gssize method_index(const PrpcService *service, const char *method) {
  const ProtobufCMethodDescriptor *found =
      protobuf_c_service_descriptor_get_method_by_name(service->descriptor, method);
  return found ? found - service->descriptor->methods : -1;
}

static gsize known_index(const PrpcService *service, const char *method) {
  gssize index = method_index(service, method);
  if (index < 0)
    g_error("service %s has no method %s", service->descriptor->name, method);
  return (gsize)index;
}

void prpc_service_handle(PrpcService *service, const char *method, PrpcHandler handler) {
  service->handlers[known_index(service, method)] = handler;
}

void prpc_service_quick(PrpcService *service, const char *method) {
  service->quick[known_index(service, method)] = TRUE;
}

gboolean prpc_service_is_quick(const PrpcService *service, const char *trimmed_method) {
  gssize index = method_index(service, trimmed_method);
  return index >= 0 && service->quick[index];
}

void prpc_service_limit(PrpcService *service, const char *method, gsize max_body) {
  g_hash_table_replace(service->limits, g_ascii_strdown(method, -1), g_memdup2(&max_body, sizeof max_body));
}

gsize prpc_service_max_body(const PrpcService *service, const char *trimmed_method) {
  g_autofree char *name = g_ascii_strdown(trimmed_method, -1);
  const gsize *limit = g_hash_table_lookup(service->limits, name);
  return limit ? *limit : DEFAULT_MAX_BODY;
}

const char *prpc_service_trim(const PrpcService *service, const char *method) {
  gsize len = strlen(service->trim_prefix);
  while (len > 0 && strncmp(method, service->trim_prefix, len) == 0)
    method += len;
  return method;
}

const PrpcPeer *prpc_call_peer(PrpcCall *call) { return call->peer; }
X509 *prpc_call_certificate(PrpcCall *call) { return call->certificate; }
gpointer prpc_call_identity(PrpcCall *call) { return call->identity; }
const char *prpc_call_method(PrpcCall *call) { return call->method; }

/* ---- encodings ---- */

static gboolean query_selects_json(const char *query) {
  PrpcQueryPart part;
  while (prpc_query_next(&query, &part)) {
    if (part.key_len != 4 || memcmp(part.key, "json", 4) != 0)
      continue;
    g_autofree char *value = prpc_percent_decode(part.value, part.value_len, TRUE);
    return value && (strcmp(value, "") == 0 || strcmp(value, "1") == 0 || strcmp(value, "true") == 0);
  }
  return FALSE;
}

static gboolean is_json_type(const char *content_type) {
  if (!content_type)
    return FALSE;
  g_autofree char *type = g_strndup(content_type, strcspn(content_type, ";"));
  return g_ascii_strcasecmp(g_strstrip(type), "application/json") == 0;
}

PrpcEncoding prpc_encoding_of(const Http1Head *head, const char *query) {
  if (strcmp(head->method, "POST") != 0)
    return PRPC_ENCODING_QUERY;
  gboolean json = query_selects_json(query) || is_json_type(http1_header(head, "content-type"));
  return json ? PRPC_ENCODING_JSON : PRPC_ENCODING_PROTOBUF;
}

const char *prpc_encoding_content_type(PrpcEncoding encoding) {
  return encoding == PRPC_ENCODING_PROTOBUF ? "application/octet-stream" : "application/json";
}

/* Keys may be in it. */
static GBytes *take_text(char *text) { return secret_bytes_take(text, strlen(text)); }

GBytes *prpc_encode_error(PrpcEncoding encoding, const char *text) {
  if (encoding != PRPC_ENCODING_PROTOBUF) {
    GString *json = g_string_new("{\n  \"error\": ");
    prpc_json_append_string(json, text);
    g_string_append(json, "\n}");
    return take_text(g_string_free(json, FALSE));
  }
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  Prpc__ProtoError message = PRPC__PROTO_ERROR__INIT;
  message.message = valid;
  return prpc_message_pack(&message.base);
}

/* No message of ours begins with a brace, whose field number would be 15: somebody forgot a header. */
static ProtobufCMessage *decode_protobuf(const ProtobufCMessageDescriptor *type, const guint8 *data, gsize len,
                                         GError **error) {
  ProtobufCMessage *message = prpc_message_unpack(type, data, len, error);
  if (!message && len > 0 && data[0] == '{' && error)
    g_prefix_error(error, "the body looks like JSON, but there is no header content-type: application/json: ");
  return message;
}

static ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, PrpcEncoding encoding, const char *query,
                                GBytes *body, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(body, &len);
  switch (encoding) {
  case PRPC_ENCODING_QUERY:
    return prpc_message_from_query(type, query, error);
  case PRPC_ENCODING_JSON:
    return prpc_message_from_json(type, data, len, error);
  default:
    return decode_protobuf(type, data, len, error);
  }
}

static GBytes *encode(const ProtobufCMessage *message, PrpcEncoding encoding) {
  return encoding == PRPC_ENCODING_PROTOBUF ? prpc_message_pack(message) : take_text(prpc_message_to_json(message));
}

/* ---- calls ---- */

static ProtobufCMessage *call_method(PrpcService *service, gssize index, PrpcCall *call, PrpcEncoding encoding,
                                     const char *query, GBytes *body, GError **error) {
  const ProtobufCMethodDescriptor *method = &service->descriptor->methods[index];
  g_autoptr(PrpcMessage) request = decode(method->input, encoding, query, body, error);
  if (!request) {
    g_prefix_error(error, "failed to decode the request: ");
    return NULL;
  }
  if (!service->handlers[index]) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "not implemented yet: %s", method->name);
    return NULL;
  }
  g_autoptr(PrpcMessage) response = prpc_message_new(method->output);
  if (service->handlers[index](call, request, response, service->user_data, error))
    return g_steal_pointer(&response);
  if (error && !*error)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "%s failed without a reason", method->name);
  return NULL;
}

GBytes *prpc_dispatch(PrpcService *service, PrpcCall *call, PrpcEncoding encoding, const char *query, GBytes *body,
                      gboolean *ok) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) response = NULL;
  gint64 start = g_get_monotonic_time();
  guint id = (guint)g_atomic_int_add(&service->calls, 1);
  gssize index = method_index(service, call->method);
  if (index < 0)
    g_set_error(&error, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND, "service not found: %s", call->method);
  else
    response = call_method(service, index, call, encoding, query, body, &error);
  *ok = response != NULL;
  log_write(*ok ? LOG_DEBUG : LOG_INFO, "rpc %s.%s id=%u from %s: %s in %" G_GINT64_FORMAT " us",
            service->descriptor->short_name, call->method, id, call->peer->address, *ok ? "ok" : error->message,
            g_get_monotonic_time() - start);
  return *ok ? encode(response, encoding) : prpc_encode_error(encoding, error->message);
}
