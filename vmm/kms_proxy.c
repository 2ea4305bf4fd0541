#include "vmm/kms_proxy.h"

#include "base/error.h"
#include "kms.pb-c.h"
#include "prpc/client.h"
#include "prpc/message.h"

#include <string.h>

#define CONNECT_MS 5000
#define CALL_MS 60000
#define APP_ID_BYTES 20

static PrpcClient *connect_to(const char *kms_url, GError **error) {
  g_autofree char *url = g_strdup_printf("%s%sprpc", kms_url, g_str_has_suffix(kms_url, "/") ? "" : "/");
  g_autoptr(PrpcClient) client = prpc_client_new(url, error);
  if (!client)
    return NULL;
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context, SSL_VERIFY_NONE, NULL); /* what counts is the signature in the answer */
  prpc_client_set_tls(client, context, FALSE);
  SSL_CTX_free(context);
  prpc_client_set_timeouts(client, CONNECT_MS, CALL_MS);
  return g_steal_pointer(&client);
}

gboolean kms_proxy_env_key(const char *kms_url, const ProtobufCBinaryData *app_id, Vmm__PublicKeyResponse *response,
                           GError **error) {
  if (!*kms_url) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE, "kms is not configured");
    return FALSE;
  }
  if (app_id->len != APP_ID_BYTES) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "app_id: expected %d bytes", APP_ID_BYTES);
    return FALSE;
  }
  g_autoptr(PrpcClient) client = connect_to(kms_url, error);
  if (!client)
    return FALSE;
  Kms__AppId request = KMS__APP_ID__INIT;
  request.app_id = *app_id;
  g_autoptr(PrpcMessage) message = prpc_client_call(client, "GetAppEnvEncryptPubKey", &request.base,
                                                    &kms__public_key_response__descriptor, error);
  if (!message) {
    g_prefix_error(error, "kms: ");
    return FALSE;
  }
  const Kms__PublicKeyResponse *answer = (const Kms__PublicKeyResponse *)message;
  prpc_set_bytes(&response->public_key, answer->public_key.data, answer->public_key.len);
  prpc_set_bytes(&response->signature, answer->signature.data, answer->signature.len);
  prpc_set_bytes(&response->signature_v1, answer->signature_v1.data, answer->signature_v1.len);
  response->timestamp = answer->timestamp;
  return TRUE;
}
