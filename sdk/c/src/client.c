#include "bytes.h"
#include "fail.h"
#include "rpc.h"
#include "transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT_MS 30000
#define REACHABLE_TIMEOUT_MS 500

struct dstack_client {
  transport *transport;
  unsigned timeout_ms;
  const char *info_path;
};

static const char *const dstack_sockets[] = {"/var/run/dstack.sock", "/run/dstack.sock", "/var/run/dstack/dstack.sock",
                                             "/run/dstack/dstack.sock"};
static const char *const tappd_sockets[] = {"/var/run/tappd.sock", "/run/tappd.sock", "/var/run/dstack/tappd.sock",
                                            "/run/dstack/tappd.sock"};

static const char *choose_endpoint(const char *endpoint, const char *variable, const char *const sockets[4]) {
  if (endpoint)
    return endpoint;
  endpoint = getenv(variable);
  if (endpoint && *endpoint)
    return endpoint;
  for (size_t i = 0; i < 4; i++)
    if (access(sockets[i], F_OK) == 0)
      return sockets[i];
  return sockets[0];
}

static dstack_client *client_new(const char *endpoint, const char *info_path) {
  dstack_client *client = calloc(1, sizeof *client);
  if (!client)
    return NULL;
  *client = (dstack_client){transport_new(endpoint), DEFAULT_TIMEOUT_MS, info_path};
  if (client->transport)
    return client;
  free(client);
  return NULL;
}

dstack_client *dstack_client_new(const char *endpoint) {
  return client_new(choose_endpoint(endpoint, "DSTACK_SIMULATOR_ENDPOINT", dstack_sockets), "/Info");
}

dstack_client *dstack_tappd_client_new(const char *endpoint) {
  return client_new(choose_endpoint(endpoint, "TAPPD_SIMULATOR_ENDPOINT", tappd_sockets), "/prpc/Tappd.Info");
}

void dstack_client_free(dstack_client *client) {
  if (client)
    transport_free(client->transport);
  free(client);
}

void dstack_client_set_timeout_ms(dstack_client *client, unsigned timeout_ms) {
  client->timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
}

const char *dstack_client_endpoint(const dstack_client *client) { return transport_endpoint(client->transport); }

bool dstack_is_reachable(dstack_client *client) {
  unsigned timeout_ms = client->timeout_ms;
  json_t *answer = NULL;
  client->timeout_ms = REACHABLE_TIMEOUT_MS;
  dstack_status status = rpc_call(client, client->info_path, json_object(), &answer, NULL);
  client->timeout_ms = timeout_ms;
  rpc_release(answer);
  return status == DSTACK_OK;
}

/* The text of a member `error`; NULL when there is none. */
static const char *error_text(const json_t *answer) {
  const char *text = json_string_value(json_object_get(answer, "error"));
  return text && !*text ? "unknown error" : text;
}

static dstack_status check_answer(const char *method, int http_status, const dstack_bytes *body, json_t **answer,
                                  dstack_error *error) {
  json_error_t why;
  json_t *parsed = json_loadb((const char *)body->data, body->size, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
  const char *text = error_text(parsed);
  if (text || http_status != 200) {
    dstack_status status = fail_answer(error, http_status, "failed to call %s: status %d: %s", method, http_status,
                                       text ? text : (const char *)body->data);
    json_decref(parsed);
    return status;
  }
  if (!parsed)
    return fail(error, DSTACK_MALFORMED, "failed to call %s: the answer is not JSON: %s", method, why.text);
  *answer = parsed;
  return DSTACK_OK;
}

static const char *method_of(const char *path) { return strrchr(path, '/') + 1; }

dstack_status rpc_call(dstack_client *client, const char *path, json_t *request, json_t **answer, dstack_error *error) {
  const char *method = method_of(path);
  char *body = request ? json_dumps(request, JSON_COMPACT) : NULL;
  json_decref(request);
  if (!body)
    return fail(error, DSTACK_INVALID, "failed to call %s: an argument is not UTF-8, or memory ran out", method);
  int http_status = 0;
  dstack_bytes received;
  dstack_status status =
      transport_post(client->transport, path, method, body, client->timeout_ms, &http_status, &received, error);
  wipe_string(body);
  if (status != DSTACK_OK)
    return status;
  status = check_answer(method, http_status, &received, answer, error);
  dstack_bytes_clear(&received);
  return status;
}

static void wipe_texts(json_t *value) {
  const char *key;
  json_t *member;
  size_t index;
  if (json_is_string(value))
    explicit_bzero((char *)json_string_value(value), json_string_length(value));
  json_object_foreach(value, key, member) wipe_texts(member);
  json_array_foreach(value, index, member) wipe_texts(member);
}

void rpc_release(json_t *answer) {
  wipe_texts(answer);
  json_decref(answer);
}

json_t *rpc_hex(const void *data, size_t size) {
  char *text = hex_encode(data, size);
  json_t *value = text ? json_string(text) : NULL;
  wipe_string(text);
  return value;
}
