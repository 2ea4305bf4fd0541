#include "fake_node.h"

#include "base/json.h"

#include <string.h>

#define HANG_SECONDS 8
#define HUGE_SIZE (10 * 1024 * 1024)

#define ZEROS_62 "00000000000000000000000000000000000000000000000000000000000000"
#define WORD(digits) ZEROS_62 digits
#define ALLOWED "0x" WORD("01") WORD("40") WORD("00")
#define DENIED "0x" WORD("00") WORD("40") WORD("17") "4f5320696d616765206973206e6f7420616c6c6f776564000000000000000000"
#define GATEWAY                                                                                                        \
  "0x" WORD("20") WORD("2a") "3078333234363762343342466136373237334643376444646130393939456539"                        \
                             "4131324632416141303800000000000000000000000000000000000000000000"
#define IMPLEMENTATION "0x000000000000000000000000ea549f02e1a25fabd1cb788380e033ec5461b2ff"

static const char *answer_question(FakeNode *node) {
  switch ((NodeMode)g_atomic_int_get(&node->mode)) {
  case NODE_EMPTY_ANSWER:
    return "0x";
  case NODE_SHORT_ANSWER:
    return "0x" WORD("01");
  case NODE_BAD_FLAG:
    return "0x" WORD("02") WORD("40") WORD("00");
  case NODE_BAD_OFFSET:
    return "0x" WORD("01") WORD("ff") WORD("00");
  case NODE_ODD_DIGITS:
    return "0x0";
  default:
    return g_atomic_int_get(&node->allow) ? ALLOWED : DENIED;
  }
}

static json_t *answer_call(FakeNode *node, const json_t *params) {
  const char *data = json_string_value(json_object_get(json_array_get(params, 0), "data"));
  g_atomic_int_inc(&node->calls);
  if (g_str_has_prefix(data, "0x95f51931"))
    return json_string(GATEWAY);
  if (g_str_has_prefix(data, "0x25a992da"))
    return json_string(IMPLEMENTATION);
  g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&node->lock);
  g_free(node->last_block);
  g_free(node->last_data);
  node->last_block = g_strdup(json_string_value(json_array_get(params, 1)));
  node->last_data = g_strdup(data);
  return json_string(answer_question(node));
}

static json_t *quantity(gint64 value) {
  g_autofree char *text = g_strdup_printf("0x%" G_GINT64_MODIFIER "x", value);
  return json_string(text);
}

static json_t *answer_method(FakeNode *node, const json_t *request) {
  const char *method = json_string_value(json_object_get(request, "method"));
  if (strcmp(method, "eth_chainId") == 0)
    return quantity(g_atomic_int_get(&node->chain_id));
  if (strcmp(method, "eth_getBlockByNumber") == 0)
    return json_pack("{s:o,s:o,s:[s]}", "number", quantity(g_atomic_int_get(&node->head)), "timestamp",
                     quantity(node->timestamp), "transactions", "0x00");
  return answer_call(node, json_object_get(request, "params"));
}

static json_t *answer_one(FakeNode *node, const json_t *request) {
  gint mode = g_atomic_int_get(&node->mode);
  json_int_t id = json_integer_value(json_object_get(request, "id")) + (mode == NODE_WRONG_ID ? 1000 : 0);
  json_t *answer = json_pack("{s:s,s:I}", "jsonrpc", "2.0", "id", id);
  if (mode == NODE_REVERT)
    json_object_set_new(answer, "error",
                        json_pack("{s:i,s:s,s:s}", "code", 3, "message", "execution reverted", "data", "0x118cdaa7"));
  else
    json_object_set_new(answer, "result", mode == NODE_NULL_RESULT ? json_null() : answer_method(node, request));
  return answer;
}

static json_t *answer_all(FakeNode *node, const json_t *requests) {
  if (!json_is_array(requests))
    return answer_one(node, requests);
  if (g_atomic_int_get(&node->mode) == NODE_ONE_FOR_ALL)
    return answer_one(node, json_array_get(requests, 0));
  json_t *answers = json_array();
  for (gsize i = json_array_size(requests); i-- > 0;) /* the order is a node's own affair */
    json_array_append_new(answers, answer_one(node, json_array_get(requests, i)));
  return answers;
}

static void reply(PrpcHttpRequest *request, int status, const char *text) {
  prpc_http_reply(request, status, "application/json", text, strlen(text), NULL);
}

static void on_request(PrpcHttpRequest *request, gpointer user_data) {
  FakeNode *node = user_data;
  gint mode = g_atomic_int_get(&node->mode);
  if (mode == NODE_HANG)
    g_usleep(HANG_SECONDS * G_USEC_PER_SEC);
  if (mode == NODE_HUGE) {
    g_autofree char *huge = g_strnfill(HUGE_SIZE, ' ');
    prpc_http_reply(request, 200, "application/json", huge, HUGE_SIZE, NULL);
    return;
  }
  if (mode == NODE_NO_JSON || mode == NODE_STATUS_500) {
    reply(request, mode == NODE_STATUS_500 ? 500 : 200, "<html>" FAKE_NODE_SECRET "</html>");
    return;
  }
  gsize len;
  const char *body = g_bytes_get_data(prpc_http_body(request), &len);
  g_autoptr(json_t) requests = json_parse(body, len, "request", NULL);
  g_autoptr(json_t) answers = answer_all(node, requests);
  g_autofree char *text = json_print(answers);
  reply(request, 200, text);
}

FakeNode *fake_node_new(void) {
  g_autoptr(GError) error = NULL;
  FakeNode *node = g_new0(FakeNode, 1);
  g_mutex_init(&node->lock);
  node->allow = TRUE;
  node->chain_id = 1337;
  node->head = 100;
  node->timestamp = g_get_real_time() / G_USEC_PER_SEC;
  node->router = prpc_router_new("node");
  prpc_router_route(node->router, "POST", "/*", 1024 * 1024, on_request, node);
  node->server = prpc_server_new(4, 64, &error);
  const PrpcListenOptions options = {0};
  guint listener = prpc_server_listen(node->server, "127.0.0.1:0", node->router, &options, &error);
  g_assert_no_error(error);
  node->url = g_strdup_printf("http://127.0.0.1:%u/v2/" FAKE_NODE_SECRET, prpc_server_port(node->server, listener));
  prpc_server_start(node->server);
  return node;
}

void fake_node_free(FakeNode *node) {
  if (!node)
    return;
  prpc_server_stop(node->server);
  prpc_server_free(node->server);
  prpc_router_free(node->router);
  g_mutex_clear(&node->lock);
  g_free(node->last_block);
  g_free(node->last_data);
  g_free(node->url);
  g_free(node);
}
