/* What a node answers: JSON-RPC 2.0 objects, matched to calls by their id. */
#include "eth/rpc.h"

#include "base/error.h"
#include "base/hex.h"
#include "eth/address.h"

#include <string.h>

#define MAX_DEPTH 16
#define MAX_MESSAGE 200
static const char what[] = "node answer";

void eth_rpc_results_clear(json_t **results, guint n) {
  for (guint i = 0; i < n; i++)
    g_clear_pointer(&results[i], json_decref);
}

/* Text of a node for a person: short, printable. */
static char *safe_message(const char *text) {
  g_autofree char *valid = g_utf8_make_valid(text, -1);
  if (g_utf8_strlen(valid, -1) > MAX_MESSAGE)
    *g_utf8_offset_to_pointer(valid, MAX_MESSAGE) = 0;
  for (char *c = valid; *c; c++)
    if (g_ascii_iscntrl(*c))
      *c = ' ';
  return g_steal_pointer(&valid);
}

static char *revert_reason(const json_t *failure) {
  const char *text = json_string_value(json_object_get(failure, "data"));
  g_autoptr(GBytes) data = text ? hex_decode_prefixed(text, NULL) : NULL;
  return data ? eth_abi_revert_reason(data) : NULL;
}

static void set_failure(const char *method, const json_t *failure, GError **error) {
  const char *message = json_string_value(json_object_get(failure, "message"));
  g_autofree char *reason = revert_reason(failure);
  g_autofree char *joined =
      reason ? g_strdup_printf("execution reverted: %s", reason) : g_strdup(message ? message : "no message");
  g_autofree char *shown = safe_message(joined);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "%s: %s", method, shown);
}

static gboolean set_invalid(const char *text, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s", what, text);
  return FALSE;
}

/* Which call an answer belongs to: its id less the first; out of range when it belongs to none. */
static guint64 index_of(const json_t *answer, gint64 first_id) {
  const json_t *id = json_object_get(answer, "id");
  return json_is_integer(id) ? (guint64)json_integer_value(id) - (guint64)first_id : G_MAXUINT64;
}

static gboolean take_answer(const json_t *answer, const EthRpcCall *calls, guint n_calls, gint64 first_id,
                            json_t **results, GError **error) {
  const char *version = json_string_value(json_object_get(answer, "jsonrpc"));
  if (g_strcmp0(version, "2.0") != 0)
    return set_invalid("not json-rpc 2.0", error);
  const json_t *failure = json_object_get(answer, "error");
  guint64 index = index_of(answer, first_id);
  if (index >= n_calls || results[index]) {
    /* A node that could not read the request at all answers without an id. */
    if (failure && json_is_null(json_object_get(answer, "id"))) {
      set_failure(calls[0].method, failure, error);
      return FALSE;
    }
    return set_invalid("an id that was not asked for", error);
  }
  if (failure && !json_is_null(failure)) {
    set_failure(calls[index].method, failure, error);
    return FALSE;
  }
  json_t *result = json_object_get(answer, "result");
  if (!result || json_is_null(result))
    return set_invalid("no result", error);
  results[index] = json_incref(result);
  return TRUE;
}

static gboolean take_all(const json_t *reply, const EthRpcCall *calls, guint n_calls, gint64 first_id, json_t **results,
                         GError **error) {
  if (!json_is_array(reply))
    return take_answer(reply, calls, n_calls, first_id, results, error) &&
           (n_calls == 1 || set_invalid("one answer for several calls", error));
  if (json_array_size(reply) != n_calls)
    return set_invalid("as many answers as calls were expected", error);
  for (guint i = 0; i < n_calls; i++)
    if (!take_answer(json_array_get(reply, i), calls, n_calls, first_id, results, error))
      return FALSE;
  return TRUE;
}

gboolean eth_rpc_parse(const char *json, gsize len, const EthRpcCall *calls, guint n_calls, gint64 first_id,
                       json_t **results, GError **error) {
  for (guint i = 0; i < n_calls; i++)
    results[i] = NULL;
  g_autoptr(json_t) reply = json_parse_bounded(json, len, MAX_DEPTH, what, error);
  if (reply && take_all(reply, calls, n_calls, first_id, results, error))
    return TRUE;
  eth_rpc_results_clear(results, n_calls);
  return FALSE;
}

gboolean eth_rpc_result_uint(const json_t *result, guint64 *out, const char *name, GError **error) {
  const char *text = json_string_value(result);
  return eth_quantity_parse(text ? text : "", out, name, error);
}

GBytes *eth_rpc_result_bytes(const json_t *result, const char *name, GError **error) {
  const char *text = json_string_value(result);
  g_autoptr(GBytes) bytes = text && strlen(text) == json_string_length(result) && g_str_has_prefix(text, "0x")
                                ? hex_decode(text + 2, strlen(text + 2), NULL)
                                : NULL;
  if (!bytes)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected bytes as 0x and digits", name);
  return g_steal_pointer(&bytes);
}
