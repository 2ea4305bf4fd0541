/* What an operator sees of a running KMS. */
#include "harness.h"

#include "kms.pb-c.h"
#include "ratls/tls.h"

#include <crypt.h>
#include <string.h>
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

static void ask_for_keys(PrpcClient *client, gboolean expected) {
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  g_autoptr(PrpcMessage) answer =
      prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, NULL);
  g_assert_cmpint(answer != NULL, ==, expected);
}

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
    *answer = got ? g_strndup(g_bytes_get_data(got, NULL), g_bytes_get_size(got)) : g_strdup("");
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
  int result = g_test_run();
  kms_free(shared);
  return result;
}
