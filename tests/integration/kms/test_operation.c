/* What an operator sees of a running KMS. */
#include "harness.h"

#include "kms.pb-c.h"
#include "ratls/tls.h"

#include <string.h>

static Kms *shared;

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

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/operation/metrics", test_metrics);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
