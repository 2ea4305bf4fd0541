#include "kms/kms_key.h"

#include "base/error.h"
#include "kms.pb-c.h"

static gboolean answer_sealed(const KmsService *service, const Kms__GetKmsKeyRequest *args, const guint8 *grant,
                              Kms__KmsKeyResponse *answer, GError **error) {
  g_autoptr(GBytes) signature = prpc_get_gbytes(&args->recipient_signature);
  if (args->recipient.len != KMS_RECIPIENT_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "recipient must have %d bytes", KMS_RECIPIENT_SIZE);
    return FALSE;
  }
  g_autoptr(GBytes) sealed =
      keyholder_client_sealed_root(service->keyholder, grant, args->recipient.data, signature, error);
  if (!sealed)
    return FALSE;
  prpc_set_gbytes(&answer->sealed_keys, sealed);
  return TRUE;
}

static char *copy_text(const Secret *text) { return g_strndup((const char *)secret_peek(text), secret_len(text)); }

static gboolean answer_plain(const KmsService *service, const guint8 *grant, Kms__KmsKeyResponse *answer,
                             GError **error) {
  g_auto(KeyholderRootKeys) keys = {0};
  if (!keyholder_client_plain_root(service->keyholder, grant, &keys, error))
    return FALSE;
  Kms__KmsKeys *pair = g_new0(Kms__KmsKeys, 1);
  kms__kms_keys__init(pair);
  answer->temp_ca_key = copy_text(keys.temp_ca_key);
  pair->ca_key = copy_text(keys.root_ca_key);
  prpc_set_bytes(&pair->k256_key, secret_peek(keys.k256), secret_len(keys.k256));
  answer->keys = g_new0(Kms__KmsKeys *, 1);
  answer->keys[0] = pair;
  answer->n_keys = 1;
  return TRUE;
}

gboolean kms_key_answer(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                        GError **error) {
  const KmsService *service = user_data;
  const Kms__GetKmsKeyRequest *args = (const Kms__GetKmsKeyRequest *)request;
  Kms__KmsKeyResponse *answer = (Kms__KmsKeyResponse *)response;
  g_autoptr(GBytes) certificate = kms_service_certificate(call);
  guint8 grant[KMS_GRANT_SIZE];
  if (!verifier_client_authorize_kms(service->verifier, certificate, args->vm_config, grant, error))
    return FALSE;
  return args->recipient.len ? answer_sealed(service, args, grant, answer, error)
                             : answer_plain(service, grant, answer, error);
}
