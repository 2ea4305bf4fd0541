/* What an operator sees of a running KMS. */
#include "harness.h"

#include "base/hex.h"
#include "base/json.h"
#include "kms.pb-c.h"
#include "kms/keyholder/key_files.h"
#include "ratls/tls.h"

#include <crypt.h>
#include <glib/gstdio.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>

static Kms *shared;
static guint16 admin_port;

static char *fetch(const char *path, int *status) {
  g_autoptr(PrpcClient) client = prpc_client_new(shared->url, NULL);
  TlsClientOptions options = {.insecure_no_verify = TRUE};
  g_autoptr(SSL_CTX) tls = tls_client_context(&options, NULL);
  prpc_client_set_tls(client, tls, FALSE);
  g_autoptr(GBytes) answer = prpc_client_http(client, "GET", path, NULL, NULL, 0, 64 * 1024, status, NULL);
  return answer ? g_strndup(g_bytes_get_data(answer, NULL), g_bytes_get_size(answer)) : g_strdup("");
}

static gboolean try_keys(PrpcClient *client) {
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, NULL);
  return answer != NULL;
}

static void ask_for_keys(PrpcClient *client, gboolean expected) { g_assert_cmpint(try_keys(client), ==, expected); }

static void test_metrics(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xaa, 0xbb, GOOD_IMAGE);
  g_autoptr(PrpcClient) attested = kms_attested_client(shared, platform), stranger = kms_client(shared, NULL, NULL);
  ask_for_keys(attested, TRUE);
  ask_for_keys(stranger, FALSE);
  int status = 0;
  g_autofree char *text = fetch("/metrics", &status);
  g_assert_cmpint(status, ==, 200);
  g_assert_nonnull(strstr(text, "\ndstack_kms_attestation_requests_total 2\n"));
  g_assert_nonnull(strstr(text, "\ndstack_kms_attestation_failures_total 1\n"));
}

/* ---- the operators' listener ---- */

#define ADMIN_TOKEN "correct horse"

typedef struct {
  const char *header; /* NULL: none */
  int status;
} Credential;

static int ask_admin(const char *verb, const char *path, const char *const *headers, const char *body, char **answer) {
  g_autofree char *url = g_strdup_printf("http://127.0.0.1:%u", admin_port);
  g_autoptr(PrpcClient) client = prpc_client_new(url, NULL);
  for (; headers && *headers; headers++)
    prpc_client_add_header(client, *headers);
  int status = 0;
  g_autoptr(GBytes) got = prpc_client_http(client, verb, path, body ? "application/json" : NULL, body,
                                           body ? strlen(body) : 0, 1024 * 1024, &status, NULL);
  if (answer)
    *answer = got ? g_strdup_printf("%.*s", (int)g_bytes_get_size(got), (const char *)g_bytes_get_data(got, NULL))
                  : g_strdup("");
  return status;
}

static char *basic(const char *text) {
  g_autofree char *encoded = g_base64_encode((const guchar *)text, strlen(text));
  return g_strconcat("Authorization: Basic ", encoded, NULL);
}

static void test_admin_credentials(void) {
  g_autofree char *as_password = basic("anyone:" ADMIN_TOKEN), *as_name = basic(ADMIN_TOKEN ":"),
                  *user = basic("operator:from the file"), *wrong_user = basic("operator:guess"),
                  *name_and_password = basic(ADMIN_TOKEN ":guess");
  const Credential cases[] = {{NULL, 401},
                              {"X-Admin-Token: " ADMIN_TOKEN, 200},
                              {"X-Admin-Token: wrong", 401},
                              {"Authorization: Bearer " ADMIN_TOKEN, 200},
                              {"Authorization: Bearer wrong", 401},
                              {"Authorization: Bearer ", 401},
                              {as_password, 200},
                              {as_name, 200},
                              {user, 200},
                              {wrong_user, 401},
                              {name_and_password, 401}};
  for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
    const char *headers[] = {cases[i].header, NULL};
    int status = ask_admin("POST", "/prpc/Admin.ClearImageCache?json", headers, "{}", NULL);
    g_test_message("%s", cases[i].header ? cases[i].header : "none");
    g_assert_cmpint(status, ==, cases[i].status);
  }
  const char *fallen_through[] = {"X-Admin-Token: wrong", "Authorization: Bearer " ADMIN_TOKEN, NULL};
  g_assert_cmpint(ask_admin("POST", "/prpc/ClearImageCache?json", fallen_through, "{}", NULL), ==, 200);
  g_assert_cmpint(ask_admin("GET", "/nothing/here", NULL, NULL, NULL), ==, 401);
}

static void test_admin_only_posts(void) {
  const char *headers[] = {"X-Admin-Token: " ADMIN_TOKEN, NULL, NULL};
  g_assert_cmpint(ask_admin("GET", "/prpc/ClearImageCache?image_hash=all", headers, NULL, NULL), ==, 405);
  headers[1] = "Origin: https://elsewhere.example";
  g_assert_cmpint(ask_admin("POST", "/prpc/ClearImageCache?json", headers, "{}", NULL), ==, 403);
}

/* An entry is gone by the name that operators see, without the file's suffix; anything but a hash is refused. */
static void test_admin_clears(void) {
  const char *headers[] = {"X-Admin-Token: " ADMIN_TOKEN, NULL};
  static const char hash[] = "00000000000000000000000000000000000000000000000000000000000000aa";
  g_autofree char *file = g_strdup_printf("%s/measurements/%s.json", shared->image_cache, hash);
  g_autofree char *request = g_strdup_printf("{\"config_hash\":\"%s\"}", hash);
  g_assert_true(g_file_set_contents(file, "{}", -1, NULL));
  g_autofree char *answer = NULL, *refusal = NULL;
  g_assert_cmpint(ask_admin("POST", "/prpc/ClearImageCache?json", headers, request, &answer), ==, 200);
  g_assert_cmpstr(answer, ==, "null");
  g_assert_false(g_file_test(file, G_FILE_TEST_EXISTS));
  g_assert_cmpint(ask_admin("POST", "/prpc/ClearImageCache?json", headers, request, NULL), ==, 200);
  g_assert_cmpint(
      ask_admin("POST", "/prpc/ClearImageCache?json", headers, "{\"image_hash\":\"../../certs\"}", &refusal), ==, 400);
  g_assert_nonnull(strstr(refusal, "error"));
}

static void test_admin_needs_a_credential(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_configure(kms, NULL, NULL, "[core.admin]\nenabled = true\n");
  kms_spawn(kms);
  g_assert_cmpint(WEXITSTATUS(kms_wait(kms)), ==, 1);
  g_autofree char *log = kms_log(kms);
  g_assert_nonnull(strstr(log, "core.admin is enabled without"));
}

/* ---- the audit log ---- */

static char *audit_lines(const char *query) {
  const char *headers[] = {"X-Admin-Token: " ADMIN_TOKEN, NULL};
  g_autofree char *path = g_strconcat("/audit", query, NULL);
  char *text = NULL;
  g_assert_cmpint(ask_admin("GET", path, headers, NULL, &text), ==, 200);
  return text;
}

/* The newest line. */
static json_t *last_line(void) {
  g_autofree char *text = audit_lines("?limit=1000");
  g_assert_true(g_str_has_suffix(text, "\n"));
  text[strlen(text) - 1] = '\0';
  const char *line = strrchr(text, '\n');
  line = line ? line + 1 : text;
  json_t *object = json_parse(line, strlen(line), "audit line", NULL);
  g_assert_nonnull(object);
  return object;
}

static void assert_member(const json_t *line, const char *key, const char *value) {
  const char *actual = json_string_value(json_object_get(line, key));
  if (g_strcmp0(actual, value) != 0)
    g_error("%s: expected \"%s\", got \"%s\"", key, value, actual ? actual : "nothing");
}

static void test_audit_release(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xa5, 0xb5, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  ask_for_keys(client, TRUE);
  g_autoptr(json_t) line = last_line();
  assert_member(line, "event", "release");
  assert_member(line, "request", "GetAppKey");
  assert_member(line, "app_id", "a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5");
  assert_member(line, "instance_id", "b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5");
  assert_member(line, "os_image_hash", "2222222222222222222222222222222222222222222222222222222222222222");
  assert_member(line, "compose_hash", "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc");
  assert_member(line, "tcb_status", "UpToDate");
  assert_member(line, "contract_block", "unknown");
  g_assert_cmpuint(json_string_length(json_object_get(line, "mr_aggregated")), ==, 64);
  g_assert_cmpuint(json_string_length(json_object_get(line, "client_key")), ==, 64);
}

static void test_audit_refusals(void) {
  g_autoptr(PrpcClient) stranger = kms_client(shared, NULL, NULL);
  ask_for_keys(stranger, FALSE);
  g_autoptr(json_t) unproven = last_line();
  assert_member(unproven, "event", "refusal");
  assert_member(unproven, "reason", "no attestation provided");
  g_assert_true(json_is_false(json_object_get(unproven, "proven")));
  g_atomic_int_set(&shared->hook.mode, HOOK_DENY);
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xa6, 0, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(shared, platform);
  ask_for_keys(client, FALSE);
  g_atomic_int_set(&shared->hook.mode, HOOK_ALLOW);
  g_autoptr(json_t) denied = last_line();
  assert_member(denied, "event", "refusal");
  assert_member(denied, "app_id", "a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6a6");
  assert_member(denied, "reason", "boot denied: compose hash not allowed");
}

static void test_audit_certificate(void) {
  g_autoptr(TdxPlatform) platform = kms_client_platform(shared, 0xa7, 0, GOOD_IMAGE);
  g_autoptr(AppKeys) keys = app_keys_from_kms(shared->url, platform, VM_CONFIG, shared->verifier, NULL);
  g_autoptr(EVP_PKEY) key = p256_generate();
  AppCertSpec spec = {.subject = "app.example.com", .server_auth = TRUE};
  g_auto(GStrv) chain = app_keys_certify(keys, platform, VM_CONFIG, key, &spec, NULL);
  g_assert_nonnull(chain);
  g_autoptr(X509) leaf = cert_from_pem(chain[0], strlen(chain[0]), NULL);
  g_autoptr(GBytes) der = cert_to_der(leaf);
  g_autofree char *digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, der);
  g_autoptr(json_t) line = last_line();
  assert_member(line, "request", "SignCert");
  assert_member(line, "certificate", digest);
}

static void test_audit_pages(void) {
  g_autofree char *all = audit_lines("?limit=1000"), *two = audit_lines("?since=1&limit=2"),
                  *none = audit_lines("?since=99999");
  g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
  g_autofree char *expected = g_strconcat(lines[1], "\n", lines[2], "\n", NULL);
  g_assert_cmpstr(two, ==, expected);
  g_assert_cmpstr(none, ==, "");
  const char *headers[] = {"X-Admin-Token: " ADMIN_TOKEN, NULL};
  g_assert_cmpint(ask_admin("GET", "/audit", NULL, NULL, NULL), ==, 401);
  g_assert_cmpint(ask_admin("GET", "/audit?limit=1001", headers, NULL, NULL), ==, 400);
  g_autofree char *answer = NULL, *head = NULL;
  g_assert_cmpint(ask_admin("POST", "/prpc/Admin.AuditLog?json", headers, "{\"since\":1,\"limit\":2}", &answer), ==,
                  200);
  g_assert_cmpint(ask_admin("GET", "/audit/head", headers, NULL, &head), ==, 200);
  g_autoptr(json_t) object = json_parse(answer, strlen(answer), "answer", NULL);
  g_autoptr(json_t) of = json_parse(head, strlen(head), "head", NULL);
  g_assert_cmpstr(json_string_value(json_array_get(json_object_get(object, "lines"), 1)), ==, lines[2]);
  assert_member(object, "head_hash", json_string_value(json_object_get(of, "hash")));
}

static int verify(const char *const *arguments, char **output) {
  g_autoptr(GPtrArray) argv = g_ptr_array_new();
  g_ptr_array_add(argv, (gpointer)g_getenv("DSTACK_UTIL"));
  g_ptr_array_add(argv, (gpointer) "audit");
  g_ptr_array_add(argv, (gpointer) "verify");
  for (; *arguments; arguments++)
    g_ptr_array_add(argv, (gpointer)*arguments);
  g_ptr_array_add(argv, NULL);
  g_autofree char *out = NULL, *err = NULL;
  int status = -1;
  g_assert_true(g_spawn_sync(NULL, (char **)argv->pdata, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out, &err, &status, NULL));
  *output = g_strconcat(out, err, NULL);
  return WEXITSTATUS(status);
}

static void expect_verdict(const char *const *arguments, int status, const char *text) {
  g_autofree char *output = NULL;
  int actual = verify(arguments, &output);
  if (actual != status || !strstr(output, text))
    g_error("expected status %d and \"%s\", got %d and:\n%s", status, text, actual, output);
}

static char *public_key_hex(void) {
  g_autoptr(RootKeys) keys = key_files_load(shared->cert_dir, NULL);
  guint8 public_key[K256_PUBLIC_SIZE];
  g_assert_true(k256_public(keys->k256, public_key, NULL));
  return hex_encode(public_key, sizeof public_key);
}

static char *write_copy(const char *text) {
  char *path = g_build_filename(shared->dir, "copy.jsonl", NULL);
  g_assert_true(g_file_set_contents(path, text, -1, NULL));
  return path;
}

static void test_audit_verify(void) {
  g_autofree char *dir = g_build_filename(shared->cert_dir, "audit", NULL), *key = public_key_hex();
  g_autofree char *text = audit_lines("?limit=1000"), *path = write_copy(text);
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  g_autofree char *head = g_compute_checksum_for_string(G_CHECKSUM_SHA256, lines[2], -1);
  expect_verdict((const char *[]){"--public-key", key, "--head", head, dir, NULL}, 0, "remembered head: line 3");
  expect_verdict((const char *[]){path, NULL}, 0, "signatures: not checked");
  g_autofree char *stranger = g_strdup("02cad3a8bb11c5c0858fb3e402048b5137457039d577986daade678ed4b4ab1b9b");
  expect_verdict((const char *[]){"--public-key", stranger, path, NULL}, 1,
                 "copy.jsonl:1: signature is not that of the key");
  g_autofree char *short_text = g_strdup_printf("%s\n%s\n", lines[0], lines[1]);
  g_free(write_copy(short_text));
  expect_verdict((const char *[]){path, NULL}, 0, "lines 1 to 2"); /* nobody can tell */
  expect_verdict((const char *[]){"--head", head, path, NULL}, 1, "lines at the end are missing");
  g_autofree char *removed = g_strdup_printf("%s\n%s\n", lines[0], lines[2]);
  g_free(write_copy(removed));
  expect_verdict((const char *[]){path, NULL}, 1, "copy.jsonl:2: line 3 follows line 1");
  short_text[strlen(short_text) - 1] = '\0';
  g_free(write_copy(short_text));
  expect_verdict((const char *[]){path, NULL}, 1, "copy.jsonl:2: the file ends within this line");
  expect_verdict((const char *[]){"/nowhere", NULL}, 2, "no such file");
  expect_verdict((const char *[]){"--head", "12", path, NULL}, 2, "--head");
  expect_verdict((const char *[]){NULL}, 2, "which file?");
}

/* The disk is full: nobody gets anything, and when there is room again all goes on. */
static void test_audit_no_room(void) {
  g_autoptr(Kms) kms = kms_new();
  g_autofree char *dir = g_build_filename(kms->dir, "small-disk", NULL);
  g_assert_cmpint(g_mkdir(dir, 0700), ==, 0);
  if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
      mount("tmpfs", dir, "tmpfs", 0, "size=16k") != 0) {
    g_test_skip("can not mount a small disk");
    return;
  }
  g_autofree char *extra = g_strdup_printf("[core.audit]\ndir = \"%s\"\n", dir);
  kms_configure(kms, NULL, NULL, extra);
  kms_start(kms);
  g_autoptr(TdxPlatform) platform = kms_client_platform(kms, 0xa8, 0, GOOD_IMAGE);
  g_autoptr(PrpcClient) client = kms_attested_client(kms, platform);
  guint given = 0;
  while (try_keys(client) && given < 100)
    given++;
  g_assert_true(given > 2 && given < 100);
  g_assert_false(try_keys(client));
  expect_verdict((const char *[]){dir, NULL}, 0, "nothing changed");
  g_assert_cmpint(mount("tmpfs", dir, "tmpfs", MS_REMOUNT, "size=4m"), ==, 0);
  g_assert_true(try_keys(client));
  g_autofree char *lines = g_strdup_printf("lines 1 to %u:", given + 2); /* a start and a release for each */
  expect_verdict((const char *[]){dir, NULL}, 0, lines);
  kms_kill(kms);
  g_assert_cmpint(umount2(dir, MNT_DETACH), ==, 0); /* the helpers may still be ending */
}

/* Killed, and with half a line at the end as a power failure would leave it. */
static void test_audit_survives(void) {
  g_autofree char *path = g_build_filename(shared->cert_dir, "audit", "audit-00000001.jsonl", NULL),
                  *key = public_key_hex();
  kms_kill(shared);
  g_autofree char *text = NULL;
  g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
  g_autofree char *torn = g_strconcat(text, "{\"seq\":", NULL);
  g_assert_true(g_file_set_contents(path, torn, -1, NULL));
  kms_start(shared);
  g_autoptr(json_t) line = last_line();
  assert_member(line, "event", "start");
  g_assert_cmpint(json_integer_value(json_object_get(line, "torn_bytes")), ==, strlen("{\"seq\":"));
  expect_verdict((const char *[]){"--public-key", key, path, NULL}, 0, "all good");
}

/* Nothing that a KMS keeps or hands out is in it, in any of the usual forms. */
static void test_audit_has_no_secret(void) {
  g_autoptr(RootKeys) keys = key_files_load(shared->cert_dir, NULL);
  guint8 app_id[20];
  memset(app_id, 0xa7, sizeof app_id);
  g_auto(AppSecrets) secrets = {0};
  g_assert_true(app_secrets_derive(keys, app_id, NULL, &secrets, NULL));
  g_autoptr(Secret) root = p256_scalar(keys->root_ca);
  g_autofree char *text = audit_lines("?limit=1000");
  const Secret *all[] = {root, keys->k256, secrets.disk, secrets.env, secrets.k256};
  for (guint i = 0; i < G_N_ELEMENTS(all); i++) {
    g_autofree char *hex = hex_encode(secret_peek(all[i]), secret_len(all[i]));
    g_autofree char *base64 = g_base64_encode(secret_peek(all[i]), secret_len(all[i]));
    g_assert_null(strstr(text, hex));
    g_assert_null(strstr(text, base64));
  }
}

static void start_shared(void) {
  shared = kms_new();
  admin_port = free_port();
  g_autofree char *htpasswd = g_build_filename(shared->dir, "htpasswd", NULL);
  char salt[CRYPT_GENSALT_OUTPUT_SIZE];
  struct crypt_data *data = g_new0(struct crypt_data, 1);
  crypt_gensalt_rn("$2b$", 4, NULL, 0, salt, sizeof salt);
  g_autofree char *users = g_strdup_printf("operator:%s\n", crypt_r("from the file", salt, data));
  g_free(data);
  g_assert_true(g_file_set_contents(htpasswd, users, -1, NULL));
  g_autofree char *extra = g_strdup_printf("[core.admin]\nenabled = true\nport = %u\nauth_token = \" " ADMIN_TOKEN
                                           " \"\nhtpasswd_file = \"%s\"\n",
                                           admin_port, htpasswd);
  kms_configure(shared, NULL, NULL, extra);
  kms_start(shared);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  start_shared();
  g_test_add_func("/kms/operation/metrics", test_metrics);
  g_test_add_func("/kms/operation/admin-credentials", test_admin_credentials);
  g_test_add_func("/kms/operation/admin-only-posts", test_admin_only_posts);
  g_test_add_func("/kms/operation/admin-clears", test_admin_clears);
  g_test_add_func("/kms/operation/admin-needs-a-credential", test_admin_needs_a_credential);
  g_test_add_func("/kms/operation/audit-release", test_audit_release);
  g_test_add_func("/kms/operation/audit-refusals", test_audit_refusals);
  g_test_add_func("/kms/operation/audit-certificate", test_audit_certificate);
  g_test_add_func("/kms/operation/audit-pages", test_audit_pages);
  g_test_add_func("/kms/operation/audit-verify", test_audit_verify);
  g_test_add_func("/kms/operation/audit-no-room", test_audit_no_room);
  g_test_add_func("/kms/operation/audit-survives", test_audit_survives);
  g_test_add_func("/kms/operation/audit-has-no-secret", test_audit_has_no_secret);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
