/* A KMS without keys takes over those of another one: of a KMS of ours, of one as the reference's, and of none that lies. */
#include "harness.h"

#include "base/hex.h"
#include "base/json.h"
#include "base/process.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"
#include "ratls/tls.h"

#include <string.h>

#define END_SECONDS 10
#define JSON "application/json"

static Kms *source; /* serves throughout */

/* ---- the KMS without keys ---- */

static int http(Kms *kms, const char *verb, const char *path, const char *type, const char *body, char **answer) {
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", kms->port);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  int status = 0;
  prpc_client_set_timeouts(client, 5000, 60000);
  g_autoptr(GBytes) bytes =
      prpc_client_http(client, verb, path, type, body, body ? strlen(body) : 0, 1 << 20, &status, NULL);
  if (answer)
    *answer = bytes ? g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : g_strdup("");
  return bytes ? status : 0;
}

static Kms *replica_start(const char *more) {
  Kms *kms = kms_new_beside(source);
  g_autofree char *onboard =
      g_strdup_printf("address = \"127.0.0.1\"\nport = %u\n%s", kms->port, more ? more : "");
  kms_configure(kms, onboard, NULL, NULL);
  kms_spawn(kms);
  for (gint64 end = g_get_monotonic_time() + END_SECONDS * G_USEC_PER_SEC;
       http(kms, "GET", "/health", NULL, NULL, NULL) != 200; g_usleep(20000))
    g_assert_cmpint(g_get_monotonic_time(), <, end);
  return kms;
}

static int onboard(Kms *kms, const char *url, char **answer) {
  g_autofree char *body = g_strdup_printf("{\"source_url\":\"%s\",\"domain\":\"127.0.0.1\"}", url);
  return http(kms, "POST", "/prpc/Onboard.Onboard?json", JSON, body, answer);
}

static void refuses(Kms *kms, const char *url, const char *why) {
  g_autofree char *answer = NULL;
  g_assert_cmpint(onboard(kms, url, &answer), ==, 400);
  if (!strstr(answer, why))
    g_error("expected \"%s\", got \"%s\"", why, answer);
  g_autoptr(RootKeys) none = key_files_load(kms->cert_dir, NULL);
  g_assert_null(none);
}

static void finish(Kms *kms) {
  g_assert_cmpint(http(kms, "GET", "/finish", NULL, NULL, NULL), ==, 200);
  for (gint64 end = g_get_monotonic_time() + END_SECONDS * G_USEC_PER_SEC;; g_usleep(50000)) {
    g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
    g_autoptr(PrpcMessage) meta = prpc_client_call(client, "GetMeta", NULL, &kms__get_meta_response__descriptor, NULL);
    if (meta)
      return;
    g_assert_cmpint(g_get_monotonic_time(), <, end);
  }
}

/* ---- two that give the same ---- */

static AppKeys *app_keys(Kms *kms, TdxPlatform *platform) {
  g_autoptr(GError) error = NULL;
  AppKeys *keys = app_keys_from_kms(kms->url, platform, VM_CONFIG, kms->verifier, &error);
  g_assert_no_error(error);
  return keys;
}

static void assert_same_app_keys(Kms *a, Kms *b) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(a, 0x51, 0x52, GOOD_IMAGE);
  g_autoptr(AppKeys) first = app_keys(a, platform);
  g_autoptr(AppKeys) second = app_keys(b, platform);
  g_assert_true(secret_equal(first->disk_crypt_key, second->disk_crypt_key));
  g_assert_true(secret_equal(first->env_crypt_key, second->env_crypt_key));
  g_assert_true(secret_equal(first->k256_key, second->k256_key));
  g_assert_true(g_bytes_equal(first->k256_signature, second->k256_signature));
  g_assert_true(g_bytes_equal(first->kms_pubkey, second->kms_pubkey));
}

static ProtobufCMessage *public_call(Kms *kms, const char *method, const ProtobufCMessage *request,
                                     const ProtobufCMessageDescriptor *type) {
  g_autoptr(PrpcClient) client = kms_client(kms, NULL, NULL);
  g_autoptr(GError) error = NULL;
  ProtobufCMessage *answer = prpc_client_call(client, method, request, type, &error);
  g_assert_no_error(error);
  return answer;
}

static void assert_same_public_keys(Kms *a, Kms *b) {
  Kms__AppId request = KMS__APP_ID__INIT;
  guint8 app_id[20] = {0x51};
  request.app_id = (ProtobufCBinaryData){sizeof app_id, app_id};
  Kms *both[] = {a, b};
  PrpcMessage *env[2], *meta[2];
  for (guint i = 0; i < 2; i++) {
    env[i] = public_call(both[i], "GetAppEnvEncryptPubKey", &request.base, &kms__public_key_response__descriptor);
    meta[i] = public_call(both[i], "GetMeta", NULL, &kms__get_meta_response__descriptor);
  }
  const Kms__PublicKeyResponse *first = (const Kms__PublicKeyResponse *)env[0],
                               *second = (const Kms__PublicKeyResponse *)env[1];
  g_assert_cmpmem(first->public_key.data, first->public_key.len, second->public_key.data, second->public_key.len);
  g_assert_cmpmem(first->signature.data, first->signature.len, second->signature.data, second->signature.len);
  const ProtobufCBinaryData *signer = &((const Kms__GetMetaResponse *)meta[0])->k256_pubkey,
                            *other_signer = &((const Kms__GetMetaResponse *)meta[1])->k256_pubkey;
  g_assert_cmpmem(signer->data, signer->len, other_signer->data, other_signer->len);
  for (guint i = 0; i < 2; i++) {
    prpc_message_free(env[i]);
    prpc_message_free(meta[i]);
  }
}

static void test_same_keys(void) {
  g_autoptr(Kms) replica = replica_start(NULL);
  g_autofree char *answer = NULL, *again = NULL, *signer = NULL, *expected = NULL;
  g_assert_cmpint(http(replica, "GET", "/finish", NULL, NULL, NULL), ==, 400); /* too early */
  g_assert_cmpint(onboard(replica, source->url, &answer), ==, 200);
  g_autoptr(RootKeys) roots = key_files_load(source->cert_dir, NULL);
  guint8 k256[K256_PUBLIC_SIZE];
  g_assert_true(k256_public(roots->k256, k256, NULL));
  signer = hex_encode(k256, sizeof k256);
  expected = g_strdup_printf("{\"k256_pubkey\":\"%s\"}", signer);
  g_assert_cmpstr(answer, ==, expected);
  g_assert_cmpint(onboard(replica, source->url, &again), ==, 400);
  g_assert_nonnull(strstr(again, "already been onboarded"));
  finish(replica);
  g_autoptr(RootKeys) own = key_files_load(replica->cert_dir, NULL);
  g_assert_cmpint(EVP_PKEY_eq(own->root_ca, roots->root_ca), ==, 1);
  g_assert_cmpint(EVP_PKEY_eq(own->temp_ca, roots->temp_ca), ==, 1);
  g_assert_cmpint(EVP_PKEY_eq(own->rpc, roots->rpc), !=, 1);
  g_assert_true(secret_equal(own->k256, roots->k256));
  assert_same_app_keys(source, replica);
  assert_same_public_keys(source, replica);
}

static void test_expected_keys(void) {
  g_autoptr(RootKeys) roots = key_files_load(source->cert_dir, NULL);
  g_autoptr(GBytes) spki = p256_spki(roots->root_ca);
  g_autofree char *hex = hex_encode_bytes(spki);
  g_autofree char *right = g_strdup_printf("expected_ca_pubkey = \"0x%s\"", hex);
  g_autofree char *wrong = g_strdup_printf("%s\nexpected_k256_pubkey = \"02%.64s\"", right, hex);
  g_autoptr(Kms) trusting = replica_start(right);
  g_assert_cmpint(onboard(trusting, source->url, NULL), ==, 200);
  g_autoptr(Kms) doubting = replica_start(wrong);
  refuses(doubting, source->url, "another root k256 key than core.onboard expects");
}

/* ---- sources that are not taken ---- */

static void test_bad_requests(void) {
  g_autoptr(Kms) replica = replica_start(NULL);
  refuses(replica, "http://127.0.0.1:1", "must begin with https://");
  refuses(replica, "https://127.0.0.1:1", "failed to take over the keys of https://127.0.0.1:1/prpc");
  g_autofree char *answer = NULL;
  g_assert_cmpint(http(replica, "POST", "/prpc/Onboard.Onboard?json", JSON,
                       "{\"source_url\":\"https://127.0.0.1:1\",\"domain\":\"not a domain\"}", &answer),
                  ==, 400);
  g_assert_nonnull(strstr(answer, "invalid domain name"));
}

static void test_unattested_source(void) {
  g_autoptr(Kms) bare = kms_new_beside(source);
  kms_configure(bare, "auto_bootstrap_domain = \"127.0.0.1\"\nquote_enabled = false\nplain_handover = true", NULL, NULL);
  kms_start(bare);
  g_autoptr(Kms) replica = replica_start(NULL);
  refuses(replica, bare->url, "carries no attestation");
}

static void test_stranger_as_source(void) {
  g_autoptr(Kms) stranger = kms_new(); /* its TEE is of another installation */
  kms_start(stranger);
  g_autoptr(Kms) replica = replica_start(NULL);
  refuses(replica, stranger->url, "source not allowed: invalid quote");
}

static void test_denied(void) {
  g_autoptr(Kms) replica = replica_start(NULL);
  g_atomic_int_set(&replica->hook.mode, HOOK_DENY);
  gint before = g_atomic_int_get(&source->hook.asked);
  refuses(replica, source->url, "source not allowed: boot denied");
  g_assert_cmpint(g_atomic_int_get(&source->hook.asked), ==, before); /* the source was not even asked */
  g_assert_cmpstr(replica->hook.last_path, ==, "/bootAuth/kms");
  g_atomic_int_set(&replica->hook.mode, HOOK_ALLOW);
  g_atomic_int_set(&source->hook.mode, HOOK_DENY);
  refuses(replica, source->url, "kms not allowed: boot denied");
  g_atomic_int_set(&source->hook.mode, HOOK_ALLOW);
}

/* ---- a double of a KMS of the reference: it knows of no recipient; and what it may do wrong ---- */

typedef enum { DOUBLE_HONEST, DOUBLE_OTHER_CA_KEY, DOUBLE_TWO_KEYS, DOUBLE_BAD_K256, DOUBLE_SWAPS_KEY } DoubleMode;

typedef struct {
  DoubleMode mode;
  RootKeys *keys; /* the source's */
  SSL_CTX *tls;
  PrpcRouter *router;
  PrpcServer *server;
  char *url;
  gint asked; /* for keys */
} Double;

static char *pem_of(EVP_PKEY *key) {
  g_autoptr(Secret) pem = p256_to_pem(key);
  return g_strndup((const char *)secret_peek(pem), secret_len(pem));
}

static char *source_file(const char *name) {
  g_autofree char *path = g_build_filename(source->cert_dir, name, NULL);
  char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  return text;
}

/* Another key, as well certified: whoever got at the CA's PKI but is not the attested KMS. */
static void swap_key(Double *dbl) {
  g_autofree char *ca_pem = source_file("root-ca.crt");
  g_autoptr(X509) ca = cert_from_pem(ca_pem, strlen(ca_pem), NULL);
  g_autoptr(EVP_PKEY) key = p256_generate();
  g_autoptr(GBytes) usage = g_bytes_new_static("kms:rpc", 7);
  const CertExtension extension = {RATLS_OID_USAGE, usage};
  CertSpec spec = {.common_name = "127.0.0.1", .ca_path_len = -1, .extensions = &extension, .n_extensions = 1};
  g_autoptr(X509) cert = cert_build(&spec, key, ca, dbl->keys->root_ca, NULL);
  g_assert_cmpint(SSL_CTX_use_cert_and_key(dbl->tls, cert, key, NULL, 1), ==, 1);
}

static gboolean double_temp_ca(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                               gpointer user_data, GError **error) {
  (void)call, (void)request, (void)error; /* always answers */
  Double *dbl = user_data;
  Kms__GetTempCaCertResponse *answer = (Kms__GetTempCaCertResponse *)response;
  g_autofree char *temp_ca = source_file("tmp-ca.crt"), *root_ca = source_file("root-ca.crt");
  g_autofree char *key = pem_of(dbl->keys->temp_ca);
  prpc_set_string(&answer->temp_ca_cert, temp_ca);
  prpc_set_string(&answer->temp_ca_key, key);
  prpc_set_string(&answer->ca_cert, root_ca);
  if (dbl->mode == DOUBLE_SWAPS_KEY)
    swap_key(dbl);
  return TRUE;
}

static Kms__KmsKeys *pair(Double *dbl) {
  Kms__KmsKeys *keys = g_new0(Kms__KmsKeys, 1);
  kms__kms_keys__init(keys);
  g_autoptr(EVP_PKEY) other = p256_generate();
  g_autofree char *ca_key = pem_of(dbl->mode == DOUBLE_OTHER_CA_KEY ? other : dbl->keys->root_ca);
  prpc_set_string(&keys->ca_key, ca_key);
  static const guint8 zero[32];
  prpc_set_bytes(&keys->k256_key, dbl->mode == DOUBLE_BAD_K256 ? zero : secret_peek(dbl->keys->k256), 32);
  return keys;
}

static gboolean double_kms_key(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response,
                               gpointer user_data, GError **error) {
  (void)request, (void)error; /* always answers */
  Double *dbl = user_data;
  g_atomic_int_inc(&dbl->asked);
  g_assert_nonnull(prpc_call_certificate(call));
  Kms__KmsKeyResponse *answer = (Kms__KmsKeyResponse *)response;
  g_autofree char *temp_ca_key = pem_of(dbl->keys->temp_ca);
  prpc_set_string(&answer->temp_ca_key, temp_ca_key);
  answer->n_keys = dbl->mode == DOUBLE_TWO_KEYS ? 2 : 1;
  answer->keys = g_new0(Kms__KmsKeys *, answer->n_keys);
  for (gsize i = 0; i < answer->n_keys; i++)
    answer->keys[i] = pair(dbl);
  return TRUE;
}

static void double_start(Double *dbl, DoubleMode mode) {
  g_autoptr(GError) error = NULL;
  dbl->mode = mode;
  dbl->keys = key_files_load(source->cert_dir, &error);
  g_autofree char *cert = source_file("rpc.crt"), *temp_ca = source_file("tmp-ca.crt");
  g_autoptr(Secret) key = p256_to_pem(dbl->keys->rpc);
  dbl->tls = tls_server_context(cert, key, temp_ca, FALSE, &error);
  g_assert_no_error(error);
  PrpcService *methods = prpc_service_new(&kms__kms__descriptor, "KMS.", dbl);
  prpc_service_handle(methods, "GetTempCaCert", double_temp_ca);
  prpc_service_handle(methods, "GetKmsKey", double_kms_key);
  dbl->router = prpc_router_new("double");
  prpc_router_mount(dbl->router, "/prpc", methods);
  dbl->server = prpc_server_new(2, 16, &error);
  PrpcListenOptions options = {.tls = dbl->tls};
  guint listener = prpc_server_listen(dbl->server, "127.0.0.1:0", dbl->router, &options, &error);
  g_assert_no_error(error);
  dbl->url = g_strdup_printf("https://127.0.0.1:%u", prpc_server_port(dbl->server, listener));
  prpc_server_start(dbl->server);
}

static void double_stop(Double *dbl) {
  prpc_server_stop(dbl->server);
  prpc_server_free(dbl->server);
  prpc_router_free(dbl->router);
  SSL_CTX_free(dbl->tls);
  root_keys_free(dbl->keys);
  g_free(dbl->url);
}

static void test_reference_source(void) {
  Double dbl = {0};
  double_start(&dbl, DOUBLE_HONEST);
  g_autoptr(Kms) replica = replica_start(NULL);
  g_assert_cmpint(onboard(replica, dbl.url, NULL), ==, 200);
  finish(replica);
  assert_same_app_keys(source, replica);
  double_stop(&dbl);
}

static void test_lying_sources(void) {
  static const struct {
    DoubleMode mode;
    const char *why;
    gint asked;
  } cases[] = {{DOUBLE_OTHER_CA_KEY, "not that of the source's certificate", 1},
               {DOUBLE_TWO_KEYS, "invalid keys from the source", 1},
               {DOUBLE_BAD_K256, "not a secp256k1 key", 1},
               {DOUBLE_SWAPS_KEY, "source is not the one that was attested", 0}};
  g_autoptr(Kms) replica = replica_start(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    Double dbl = {0};
    double_start(&dbl, cases[i].mode);
    refuses(replica, dbl.url, cases[i].why);
    g_assert_cmpint(dbl.asked, ==, cases[i].asked);
    double_stop(&dbl);
  }
  g_assert_cmpint(onboard(replica, source->url, NULL), ==, 200); /* and still can */
}

/* ---- what the operator sees ---- */

static const char *text_of(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}

static void test_attestation_info(void) {
  g_autoptr(Kms) replica = replica_start(NULL);
  g_autofree char *answer = NULL;
  g_assert_cmpint(http(replica, "POST", "/prpc/Onboard.GetAttestationInfo?json", JSON, "{}", &answer), ==, 200);
  g_autoptr(json_t) info = json_parse(answer, strlen(answer), "info", NULL);
  g_assert_cmpstr(text_of(info, "tee_variant"), ==, "dstack-tdx");
  g_assert_cmpstr(text_of(info, "site_name"), ==, "<b>test</b> site");
  g_assert_cmpstr(text_of(info, "kms_contract_address"), ==, "0xabc");
  g_assert_true(g_str_has_prefix(text_of(info, "os_image_hash"), "2222"));
  g_assert_cmpuint(strlen(text_of(info, "ppid")), ==, 32);
  /* The operator allows what is shown here: it must be what a webhook is asked about when this KMS asks for keys. */
  g_assert_cmpint(onboard(replica, source->url, NULL), ==, 200);
  g_mutex_lock(&source->hook.lock);
  g_autoptr(json_t) asked =
      json_parse(source->hook.last_question, strlen(source->hook.last_question), "question", NULL);
  g_mutex_unlock(&source->hook.lock);
  g_assert_cmpstr(text_of(info, "mr_aggregated"), ==, text_of(asked, "mrAggregated"));
  g_assert_cmpstr(text_of(info, "device_id"), ==, text_of(asked, "deviceId"));
}

static void test_page(void) {
  g_autoptr(Kms) replica = replica_start("token = \"secret\"");
  g_autofree char *page = NULL, *script = NULL;
  g_assert_cmpint(http(replica, "GET", "/", NULL, NULL, &page), ==, 200);
  g_assert_nonnull(strstr(page, "src=\"onboard.js\""));
  g_assert_null(strstr(page, "<script>"));
  g_assert_null(strstr(page, "http://"));
  g_assert_cmpint(http(replica, "GET", "/onboard.js", NULL, NULL, &script), ==, 200);
  static const char *const risky[] = {"innerHTML", "outerHTML", "insertAdjacent", "document.write", "eval", "http:", NULL};
  for (const char *const *word = risky; *word; word++)
    g_assert_null(strstr(script, *word));
  g_assert_cmpint(http(replica, "GET", "/onboard.css", NULL, NULL, NULL), ==, 200);
  g_assert_cmpint(http(replica, "POST", "/prpc/Onboard.GetAttestationInfo?json", JSON, "{}", NULL), ==, 401);
  g_assert_cmpint(http(replica, "POST", "/prpc/Onboard.GetAttestationInfo?json",
                       JSON "\r\nAuthorization: Bearer secret\r\nSec-Fetch-Site: cross-site", "{}", NULL),
                  ==, 403);
}

/* A real browser runs the page: its script gets past its own policy, and what the server says stays text. */
static void test_page_in_browser(void) {
  g_autofree char *chromium = g_find_program_in_path("chromium");
  if (!chromium) {
    g_test_skip("no chromium here");
    return;
  }
  g_autoptr(Kms) replica = replica_start(NULL);
  g_autofree char *profile = g_strdup_printf("--user-data-dir=%s/browser", replica->dir);
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u/", replica->port);
  const char *const argv[] = {chromium,        "--headless=new",
                              "--no-sandbox",  "--disable-gpu",
                              profile,         "--virtual-time-budget=10000",
                              "--dump-dom",    url,
                              NULL};
  g_autofree char *page = NULL;
  g_autoptr(GError) error = NULL;
  process_check(argv, &page, &error);
  g_assert_no_error(error);
  g_assert_nonnull(strstr(page, "<h1 id=\"title\">&lt;b&gt;test&lt;/b&gt; site</h1>"));
  g_assert_nonnull(strstr(page, "<dt>mr_aggregated</dt>"));
  g_assert_nonnull(strstr(page, "<dd>0x2222"));
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  source = kms_new();
  kms_start(source);
  g_test_add_func("/kms/onboard/same-keys", test_same_keys);
  g_test_add_func("/kms/onboard/expected-keys", test_expected_keys);
  g_test_add_func("/kms/onboard/bad-requests", test_bad_requests);
  g_test_add_func("/kms/onboard/unattested-source", test_unattested_source);
  g_test_add_func("/kms/onboard/stranger-as-source", test_stranger_as_source);
  g_test_add_func("/kms/onboard/denied", test_denied);
  g_test_add_func("/kms/onboard/reference-source", test_reference_source);
  g_test_add_func("/kms/onboard/lying-sources", test_lying_sources);
  g_test_add_func("/kms/onboard/attestation-info", test_attestation_info);
  g_test_add_func("/kms/onboard/page", test_page);
  g_test_add_func("/kms/onboard/page-in-browser", test_page_in_browser);
  int result = g_test_run();
  kms_free(source);
  return result;
}
