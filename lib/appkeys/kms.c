/* Getting an app's keys from a KMS (spec: guest-os 7.1, kms 9). */
#include "appkeys/appkeys.h"

#include "appkeys/kms_client.h"
#include "base/error.h"
#include "crypto/k256.h"
#include "kms.pb-c.h"

#include <string.h>

#define API_VERSION 1
#define PATH_SUFFIX "/prpc"
#define KEY_SIZE 32

typedef Kms__GetTempCaCertResponse TempCa;
typedef Kms__AppKeyResponse KeyResponse;

static void temp_ca_free(TempCa *answer) {
  secret_wipe(answer->temp_ca_key, strlen(answer->temp_ca_key));
  prpc_message_free(&answer->base);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TempCa, temp_ca_free)

static void wipe(ProtobufCBinaryData *data) { secret_wipe(data->data, data->len); }

static void key_response_free(KeyResponse *answer) {
  wipe(&answer->disk_crypt_key);
  wipe(&answer->env_crypt_key);
  wipe(&answer->k256_key);
  prpc_message_free(&answer->base);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(KeyResponse, key_response_free)

static GBytes *ca_spki(const char *ca_cert, GError **error) {
  g_autoptr(X509) cert = cert_from_pem(ca_cert, strlen(ca_cert), error);
  if (cert)
    return cert_spki(cert);
  g_prefix_error(error, "the kms's ca certificate: ");
  return NULL;
}

static TempCa *get_temp_ca(const char *base_url, GError **error) {
  g_autoptr(PrpcClient) client = kms_client_unverified(base_url, error);
  return client ? (TempCa *)prpc_client_call(client, "GetTempCaCert", NULL, &kms__get_temp_ca_cert_response__descriptor,
                                             error)
                : NULL;
}

static KeyResponse *get_app_key(const char *base_url, const TempCa *temp_ca, TdxPlatform *platform,
                                const char *vm_config, KmsServerCheck *check, GError **error) {
  g_autoptr(KmsCredential) credential =
      kms_credential_new(platform, temp_ca->temp_ca_cert, temp_ca->temp_ca_key, strlen(temp_ca->temp_ca_key), error);
  g_autoptr(PrpcClient) client =
      credential ? kms_client_new(base_url, temp_ca->ca_cert, credential, check, error) : NULL;
  if (!client)
    return NULL;
  Kms__GetAppKeyRequest request = KMS__GET_APP_KEY_REQUEST__INIT;
  request.api_version = API_VERSION;
  request.vm_config = (char *)vm_config; /* protobuf-c has no const; the call only reads */
  return (KeyResponse *)prpc_client_call(client, "GetAppKey", &request.base, &kms__app_key_response__descriptor, error);
}

static gboolean take_key(const ProtobufCBinaryData *data, const char *name, Secret **out, GError **error) {
  if (data->len == KEY_SIZE) {
    *out = secret_new(data->data, data->len);
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the kms's answer: %s is not %d bytes", name, KEY_SIZE);
  return FALSE;
}

/* The CA of the answer must be the one that was trusted, measured and stored. Its key counts, not the certificate's
 * bytes: those differ between replicas. */
static gboolean same_ca(const char *answered, GBytes *trusted_spki, GError **error) {
  if (!*answered)
    return TRUE;
  g_autoptr(GBytes) spki = ca_spki(answered, error);
  if (!spki)
    return FALSE;
  if (g_bytes_equal(spki, trusted_spki))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "the kms named two different ca certificates");
  return FALSE;
}

static gboolean take_answer(AppKeys *keys, const KeyResponse *answer, GError **error) {
  if (!take_key(&answer->disk_crypt_key, "disk_crypt_key", &keys->disk_crypt_key, error) ||
      !take_key(&answer->env_crypt_key, "env_crypt_key", &keys->env_crypt_key, error) ||
      !take_key(&answer->k256_key, "k256_key", &keys->k256_key, error) ||
      !same_ca(answer->ca_cert, keys->kms_pubkey, error))
    return FALSE;
  if (!k256_scalar_valid(keys->k256_key) || answer->k256_signature.len != K256_SIGNATURE_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the kms's answer: bad k256 key or signature");
    return FALSE;
  }
  keys->k256_signature = prpc_get_gbytes(&answer->k256_signature);
  keys->gateway_app_id = g_strdup(answer->gateway_app_id);
  if (answer->os_image_hash.len)
    keys->os_image_hash = prpc_get_gbytes(&answer->os_image_hash);
  return TRUE;
}

static AppKeys *keys_for_kms(const char *base_url, const TempCa *temp_ca, GError **error) {
  g_autoptr(GBytes) spki = ca_spki(temp_ca->ca_cert, error);
  if (!spki)
    return NULL;
  AppKeys *keys = g_new0(AppKeys, 1);
  keys->kind = KEY_PROVIDER_KMS;
  keys->kms_url = g_strdup(base_url);
  keys->kms_pubkey = g_bytes_ref(spki);
  keys->ca_cert = g_strdup(temp_ca->ca_cert);
  keys->tmp_ca_cert = g_strdup(temp_ca->temp_ca_cert);
  keys->tmp_ca_key_pem = secret_new(temp_ca->temp_ca_key, strlen(temp_ca->temp_ca_key));
  keys->identity = kms_identity_new();
  return keys;
}

static AppKeys *from_base_url(const char *base_url, TdxPlatform *platform, const char *vm_config,
                              RatlsVerifier *verifier, GError **error) {
  g_autoptr(TempCa) temp_ca = get_temp_ca(base_url, error);
  g_autoptr(AppKeys) keys = temp_ca ? keys_for_kms(base_url, temp_ca, error) : NULL;
  if (!keys)
    return NULL;
  KmsServerCheck check = {.judge_evidence = TRUE, .verifier = verifier};
  g_autoptr(KeyResponse) answer = get_app_key(base_url, temp_ca, platform, vm_config, &check, error);
  keys->kms_mr = check.mr_aggregated;
  if (!answer || !take_answer(keys, answer, error))
    return NULL;
  return g_steal_pointer(&keys);
}

AppKeys *app_keys_from_kms(const char *kms_url, TdxPlatform *platform, const char *vm_config, RatlsVerifier *verifier,
                           GError **error) {
  gsize len = strlen(kms_url);
  while (len && kms_url[len - 1] == '/')
    len--;
  g_autofree char *base_url = g_strdup_printf("%.*s" PATH_SUFFIX, (int)len, kms_url);
  AppKeys *keys = from_base_url(base_url, platform, vm_config, verifier, error);
  if (!keys)
    g_prefix_error(error, "failed to get app keys from %s: ", kms_url);
  return keys;
}
