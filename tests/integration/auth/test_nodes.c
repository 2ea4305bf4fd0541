/* dstack-auth-eth's backend among nodes of every kind, and the webhook's HTTP shapes, asked as a KMS asks. */
#include "fake_node.h"

#include "kms/auth/chain.h"
#include "kms/auth/service.h"

#include "base/json.h"
#include "prpc/client.h"

#include <string.h>

#define CONTRACT "0xEA549F02e1a25FaBD1CB788380e033eC5461b2ff"
#define QUESTION                                                                                                       \
  "{\"appId\":\"01\",\"composeHash\":\"02\",\"instanceId\":\"\",\"deviceId\":\"03\",\"mrAggregated\":\"04\","          \
  "\"osImageHash\":\"05\"}"
#define UNAVAILABLE "authorization backend unavailable"

/* A webhook in this process. */
typedef struct {
  ChainConfig *config;
  Chain *chain;
  AuthBackend backend;
  PrpcRouter *router;
  PrpcServer *server;
  PrpcClient *client;
} Webhook;

static void webhook_free(Webhook *webhook) {
  prpc_client_free(webhook->client);
  prpc_server_stop(webhook->server);
  prpc_server_free(webhook->server);
  prpc_router_free(webhook->router);
  chain_free(webhook->chain);
  chain_config_free(webhook->config);
  g_free(webhook);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Webhook, webhook_free)

static Webhook *webhook_new(ChainConfig *config) {
  g_autoptr(GError) error = NULL;
  Webhook *webhook = g_new0(Webhook, 1);
  webhook->config = config;
  webhook->chain = chain_new(config, &error);
  g_assert_no_error(error);
  webhook->backend = chain_backend(webhook->chain);
  webhook->router = auth_router_new(&webhook->backend);
  webhook->server = prpc_server_new(8, 64, &error);
  const PrpcListenOptions options = {0};
  guint listener = prpc_server_listen(webhook->server, "127.0.0.1:0", webhook->router, &options, &error);
  g_assert_no_error(error);
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", prpc_server_port(webhook->server, listener));
  prpc_server_start(webhook->server);
  webhook->client = prpc_client_new(url, &error);
  g_assert_no_error(error);
  return webhook;
}

static ChainConfig *config_for(FakeNode *first, FakeNode *second) {
  ChainConfig *config = g_new0(ChainConfig, 1);
  const char *urls[] = {first->url, second ? second->url : NULL, NULL};
  config->node_urls = g_strdupv((char **)urls);
  config->contract_text = g_strdup(CONTRACT);
  memset(config->contract, 0xea, sizeof config->contract);
  config->block_tag = g_strdup("latest");
  config->chain_id = 1337;
  config->quorum = 1;
  return config;
}

static char *exchange(Webhook *webhook, const char *verb, const char *path, const char *type, const char *body,
                      gsize len, int expected_status) {
  g_autoptr(GError) error = NULL;
  int status = 0;
  g_autoptr(GBytes) answer =
      prpc_client_http(webhook->client, verb, path, type, body, len, 1024 * 1024, &status, &error);
  g_assert_no_error(error);
  g_assert_cmpint(status, ==, expected_status);
  gsize answer_len;
  const char *text = g_bytes_get_data(answer, &answer_len);
  g_autofree char *copy = g_strndup(text, answer_len);
  g_assert_null(strstr(copy, FAKE_NODE_SECRET));
  return g_steal_pointer(&copy);
}

static void assert_decision(Webhook *webhook, gboolean allowed, const char *reason) {
  static const char *const paths[] = {"/bootAuth/app", "/bootAuth/kms"};
  for (guint i = 0; i < G_N_ELEMENTS(paths); i++) {
    g_autofree char *text = exchange(webhook, "POST", paths[i], "application/json", QUESTION, strlen(QUESTION), 200);
    gboolean decided = strcmp(reason, UNAVAILABLE) != 0;
    g_autofree char *expected =
        g_strdup_printf("{\"isAllowed\":%s,\"reason\":\"%s\",\"gatewayAppId\":\"%s\"%s", allowed ? "true" : "false",
                        reason, decided ? FAKE_NODE_GATEWAY : "", decided ? ",\"blockNumber\":" : "}");
    g_assert_true(g_str_has_prefix(text, expected));
  }
}

static void test_block_is_told(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  g_autofree char *text = exchange(webhook, "POST", "/bootAuth/app", "application/json", QUESTION, strlen(QUESTION), 200);
  g_assert_true(g_str_has_suffix(text, ",\"blockNumber\":100}"));
}

static void test_decisions(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  assert_decision(webhook, TRUE, "");
  g_assert_cmpstr(node->last_block, ==, "0x64"); /* both calls are pinned to the block that was the newest */
  g_assert_true(g_str_has_prefix(node->last_data, "0xe067ec9d"));
  g_atomic_int_set(&node->allow, FALSE);
  assert_decision(webhook, FALSE, "OS image is not allowed"); /* nothing is remembered */
  g_atomic_int_set(&node->allow, TRUE);
  assert_decision(webhook, TRUE, "");
}

static void test_wrong_answers(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  for (gint mode = NODE_WRONG_ID; mode <= NODE_ONE_FOR_ALL; mode++) {
    g_atomic_int_set(&node->mode, mode);
    g_test_message("mode %d", mode);
    assert_decision(webhook, FALSE, UNAVAILABLE);
  }
  g_atomic_int_set(&node->mode, NODE_GOOD);
  assert_decision(webhook, TRUE, "");
}

static void test_wrong_chain(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  g_atomic_int_set(&node->chain_id, 1);
  assert_decision(webhook, FALSE, UNAVAILABLE);
  g_autofree char *info = exchange(webhook, "GET", "", NULL, NULL, 0, 500);
}

static void test_old_block(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  ChainConfig *config = config_for(node, NULL);
  config->max_block_age = 60;
  g_autoptr(Webhook) webhook = webhook_new(config);
  assert_decision(webhook, TRUE, "");
  node->timestamp -= 120;
  assert_decision(webhook, FALSE, UNAVAILABLE);
  node->timestamp += 120 + 3600;
  assert_decision(webhook, FALSE, UNAVAILABLE);
}

static void test_confirmations(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  ChainConfig *config = config_for(node, NULL);
  config->confirmations = 12;
  g_autoptr(Webhook) webhook = webhook_new(config);
  assert_decision(webhook, TRUE, "");
  g_assert_cmpstr(node->last_block, ==, "0x58");
  g_atomic_int_set(&node->head, 11);
  assert_decision(webhook, FALSE, UNAVAILABLE);
}

/* A node that fails is passed over, and the one that answered is asked first from then on. */
static void test_failover(void) {
  g_autoptr(FakeNode) first = fake_node_new(), second = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(first, second));
  g_atomic_int_set(&first->mode, NODE_STATUS_500);
  assert_decision(webhook, TRUE, "");
  g_atomic_int_set(&second->mode, NODE_REVERT);
  assert_decision(webhook, FALSE, UNAVAILABLE);
  g_atomic_int_set(&first->mode, NODE_GOOD);
  gint calls = g_atomic_int_get(&first->calls);
  assert_decision(webhook, TRUE, "");
  g_assert_cmpint(g_atomic_int_get(&first->calls), >, calls);
}

static void test_hanging_node(void) {
  g_autoptr(FakeNode) first = fake_node_new(), second = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(first, second));
  g_atomic_int_set(&first->mode, NODE_HANG);
  gint64 start = g_get_monotonic_time();
  g_autofree char *text =
      exchange(webhook, "POST", "/bootAuth/app", "application/json", QUESTION, strlen(QUESTION), 200);
  g_assert_nonnull(strstr(text, "\"isAllowed\":true"));
  g_assert_cmpint(g_get_monotonic_time() - start, <, 7 * G_USEC_PER_SEC);
  start = g_get_monotonic_time();
  g_free(text);
  text = exchange(webhook, "POST", "/bootAuth/app", "application/json", QUESTION, strlen(QUESTION), 200);
  g_assert_cmpint(g_get_monotonic_time() - start, <, 2 * G_USEC_PER_SEC);
}

/* One node that lies is found out by another. */
static void test_quorum(void) {
  g_autoptr(FakeNode) first = fake_node_new(), second = fake_node_new();
  ChainConfig *config = config_for(first, second);
  config->quorum = 2;
  g_autoptr(Webhook) webhook = webhook_new(config);
  assert_decision(webhook, TRUE, "");
  g_atomic_int_set(&second->allow, FALSE);
  assert_decision(webhook, FALSE, UNAVAILABLE);
  g_atomic_int_set(&first->allow, FALSE);
  assert_decision(webhook, FALSE, "OS image is not allowed");
  g_atomic_int_set(&first->mode, NODE_NO_JSON);
  assert_decision(webhook, FALSE, UNAVAILABLE);
}

static void test_cache(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  ChainConfig *config = config_for(node, NULL);
  config->cache_seconds = 1;
  g_autoptr(Webhook) webhook = webhook_new(config);
  assert_decision(webhook, TRUE, "");
  gint calls = g_atomic_int_get(&node->calls);
  g_atomic_int_set(&node->allow, FALSE);
  assert_decision(webhook, TRUE, "");
  g_assert_cmpint(g_atomic_int_get(&node->calls), ==, calls);
  g_usleep(1100 * 1000);
  assert_decision(webhook, FALSE, "OS image is not allowed");
  /* What could not be decided is not remembered. */
  g_usleep(1100 * 1000);
  g_atomic_int_set(&node->mode, NODE_REVERT);
  assert_decision(webhook, FALSE, UNAVAILABLE);
  g_atomic_int_set(&node->mode, NODE_GOOD);
  assert_decision(webhook, FALSE, "OS image is not allowed");
}

static void test_info(void) {
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  g_autofree char *text = exchange(webhook, "GET", "", NULL, NULL, 0, 200);
  g_autoptr(json_t) info = json_parse(text, strlen(text), "info", NULL);
  g_assert_cmpstr(json_string_value(json_object_get(info, "status")), ==, "ok");
  g_assert_cmpstr(json_string_value(json_object_get(info, "kmsContractAddr")), ==, CONTRACT);
  g_assert_cmpstr(json_string_value(json_object_get(info, "gatewayAppId")), ==, FAKE_NODE_GATEWAY);
  g_assert_cmpint(json_integer_value(json_object_get(info, "chainId")), ==, 1337);
  g_assert_cmpstr(json_string_value(json_object_get(info, "appImplementation")), ==, CONTRACT);
  g_assert_cmpstr(json_string_value(json_object_get(info, "appAuthImplementation")), ==, CONTRACT);
  g_assert_true(g_str_has_prefix(node->url, json_string_value(json_object_get(info, "ethRpcUrl"))));
  g_atomic_int_set(&node->mode, NODE_REVERT);
  g_autofree char *broken = exchange(webhook, "GET", "", NULL, NULL, 0, 500);
  g_assert_cmpstr(broken, ==, "{\"status\":\"error\",\"message\":\"" UNAVAILABLE "\"}");
}

static void assert_shape(Webhook *webhook, const char *verb, const char *path, const char *type, const char *body,
                         int status, const char *expected) {
  g_autofree char *text = exchange(webhook, verb, path, type, body, strlen(body), status);
  g_assert_cmpstr(text, ==, expected);
}

static void test_http_shapes(void) {
#define INVALID "{\"isAllowed\":false,\"reason\":\"invalid authorization request\",\"gatewayAppId\":\"\"}"
#define BROKEN "{\"status\":\"error\",\"message\":\"" UNAVAILABLE "\"}"
  g_autoptr(FakeNode) node = fake_node_new();
  g_autoptr(Webhook) webhook = webhook_new(config_for(node, NULL));
  assert_shape(webhook, "POST", "/bootAuth/app", "application/json", "{}", 400, INVALID);
  assert_shape(webhook, "POST", "/bootAuth/kms", "application/json; charset=utf-8", "{\"appId\":\"zz\"}", 400, INVALID);
  assert_shape(webhook, "POST", "/bootAuth/app", "text/plain", QUESTION, 400, INVALID);
  assert_shape(webhook, "POST", "/bootAuth/app", NULL, QUESTION, 400, INVALID);
  assert_shape(webhook, "POST", "/bootAuth/app", "application/xml", QUESTION, 500, BROKEN);
  assert_shape(webhook, "POST", "/bootAuth/app", "application/json", "{\"appId\":", 500, BROKEN);
  assert_shape(webhook, "POST", "/bootAuth/app", "application/json", "", 500, BROKEN);
  g_autofree char *large = g_strnfill(1024 * 1024 + 1, ' ');
  assert_shape(webhook, "POST", "/bootAuth/app", "application/json", large, 500, BROKEN);
  assert_shape(webhook, "POST", "/bootAuth", "application/json", QUESTION, 404,
               "{\"message\":\"Route POST:/bootAuth not found\",\"error\":\"Not Found\",\"statusCode\":404}");
  assert_shape(webhook, "GET", "/bootAuth/app", NULL, "", 404,
               "{\"message\":\"Route GET:/bootAuth/app not found\",\"error\":\"Not Found\",\"statusCode\":404}");
  g_assert_cmpint(g_atomic_int_get(&node->calls), ==, 0); /* no node hears of what is no question */
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/auth/decisions", test_decisions);
  g_test_add_func("/auth/block-is-told", test_block_is_told);
  g_test_add_func("/auth/wrong-answers", test_wrong_answers);
  g_test_add_func("/auth/wrong-chain", test_wrong_chain);
  g_test_add_func("/auth/old-block", test_old_block);
  g_test_add_func("/auth/confirmations", test_confirmations);
  g_test_add_func("/auth/failover", test_failover);
  g_test_add_func("/auth/hanging-node", test_hanging_node);
  g_test_add_func("/auth/quorum", test_quorum);
  g_test_add_func("/auth/cache", test_cache);
  g_test_add_func("/auth/info", test_info);
  g_test_add_func("/auth/http-shapes", test_http_shapes);
  return g_test_run();
}
