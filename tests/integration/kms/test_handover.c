/* Root keys that go to another KMS: to one that is proven and allowed, and to nobody else. */
#include "harness.h"

#include "kms.pb-c.h"
#include "kms/keyholder/handover.h"
#include "kms/keyholder/key_files.h"
#include "kms/sealed_keys.h"

#include "crypto/envelope.h"

#include <string.h>

static Kms *shared;

/* A replica that asks: its TEE, the key of its certificate, and the key pair that root keys are sealed to. */
typedef struct {
  TdxPlatform *platform;
  EVP_PKEY *key;
  Secret *secret;
  guint8 recipient[KMS_RECIPIENT_SIZE];
  PrpcClient *client;
} Replica;

static void replica_clear(Replica *replica) {
  tdx_platform_free(replica->platform);
  EVP_PKEY_free(replica->key);
  secret_free(replica->secret);
  prpc_client_free(replica->client);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Replica, replica_clear)

static void replica_init(Replica *replica, Kms *kms, guint8 mrtd_byte) {
  replica->platform = kms_replica_platform(kms, mrtd_byte);
  replica->key = p256_generate();
  replica->secret = secret_new_random(X25519_SIZE);
  x25519_public(secret_peek(replica->secret), replica->recipient);
  replica->client = kms_attested_client_with(kms, replica->platform, replica->key);
}

static GBytes *sign_recipient(EVP_PKEY *key, const guint8 recipient[KMS_RECIPIENT_SIZE]) {
  guint8 statement[KMS_RECIPIENT_STATEMENT_SIZE];
  sealed_keys_statement(recipient, statement);
  return p256_sign(key, statement, sizeof statement);
}

static ProtobufCMessage *ask(PrpcClient *client, const guint8 *recipient, GBytes *signature, GError **error) {
  Kms__GetKmsKeyRequest request = KMS__GET_KMS_KEY_REQUEST__INIT;
  request.vm_config = (char *)VM_CONFIG;
  if (recipient) {
    gsize len;
    request.recipient = (ProtobufCBinaryData){KMS_RECIPIENT_SIZE, (guint8 *)recipient};
    request.recipient_signature.data = (guint8 *)g_bytes_get_data(signature, &len);
    request.recipient_signature.len = len;
  }
  return prpc_client_call(client, "GetKmsKey", &request.base, &kms__kms_key_response__descriptor, error);
}

static void refused(PrpcClient *client, const guint8 *recipient, GBytes *signature, const char *why) {
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) answer = ask(client, recipient, signature, &error);
  g_assert_null(answer);
  if (!strstr(error->message, why))
    g_error("expected \"%s\", got \"%s\"", why, error->message);
}

static void assert_same_roots(const RootKeys *a, const RootKeys *b) {
  g_assert_true(EVP_PKEY_eq(a->root_ca, b->root_ca) == 1 && EVP_PKEY_eq(a->temp_ca, b->temp_ca) == 1);
  g_assert_true(secret_equal(a->k256, b->k256));
}

static void test_sealed(void) {
  g_auto(Replica) replica = {0};
  replica_init(&replica, shared, GOOD_IMAGE);
  g_autoptr(GBytes) signature = sign_recipient(replica.key, replica.recipient);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = ask(replica.client, replica.recipient, signature, &error);
  g_assert_no_error(error);
  const Kms__KmsKeyResponse *answer = (const Kms__KmsKeyResponse *)message;
  g_assert_cmpuint(answer->n_keys, ==, 0);
  g_assert_cmpstr(answer->temp_ca_key, ==, "");
  g_autoptr(GBytes) sealed = prpc_get_gbytes(&answer->sealed_keys);
  g_autoptr(RootKeys) opened = handover_open(replica.secret, sealed, &error);
  g_assert_no_error(error);
  g_autoptr(RootKeys) own = key_files_load(shared->cert_dir, NULL);
  assert_same_roots(opened, own);
  g_assert_cmpstr(shared->hook.last_path, ==, "/bootAuth/kms");
  g_autoptr(Secret) stranger = secret_new_random(X25519_SIZE);
  g_assert_null(handover_open(stranger, sealed, NULL));
}

static void test_recipient_of_another(void) {
  g_auto(Replica) replica = {0};
  replica_init(&replica, shared, GOOD_IMAGE);
  g_autoptr(EVP_PKEY) other = p256_generate();
  g_autoptr(GBytes) foreign = sign_recipient(other, replica.recipient);
  refused(replica.client, replica.recipient, foreign, "not signed by the client certificate's key");
  g_autoptr(GBytes) signature = sign_recipient(replica.key, replica.recipient);
  replica.recipient[0] ^= 1;
  refused(replica.client, replica.recipient, signature, "not signed by the client certificate's key");
}

static void test_refusals(void) {
  g_auto(Replica) replica = {0};
  replica_init(&replica, shared, GOOD_IMAGE);
  g_autoptr(GBytes) signature = sign_recipient(replica.key, replica.recipient);
  refused(replica.client, NULL, NULL, "core.onboard.plain_handover");
  g_atomic_int_set(&shared->hook.mode, HOOK_DENY);
  refused(replica.client, replica.recipient, signature, "kms not allowed: boot denied: compose hash not allowed");
  g_atomic_int_set(&shared->hook.mode, HOOK_ALLOW);
  g_autoptr(PrpcClient) nobody = kms_client(shared, NULL, NULL);
  refused(nobody, replica.recipient, signature, "kms not allowed: no attestation provided");
  g_auto(Replica) other_image = {0};
  replica_init(&other_image, shared, 0x12);
  g_autoptr(GBytes) other_signature = sign_recipient(other_image.key, other_image.recipient);
  refused(other_image.client, other_image.recipient, other_signature, "mrs do not match");
}

/* As a KMS of the reference asks and is answered, where the operator allows it; attested in any case. */
static void test_plain(void) {
  g_autoptr(Kms) kms = kms_new();
  kms_configure(kms, "auto_bootstrap_domain = \"127.0.0.1\"\nquote_enabled = false\nplain_handover = true", NULL, NULL);
  kms_start(kms);
  g_autoptr(PrpcClient) nobody = kms_client(kms, NULL, NULL);
  refused(nobody, NULL, NULL, "no attestation provided");
  g_auto(Replica) replica = {0};
  replica_init(&replica, kms, GOOD_IMAGE);
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = ask(replica.client, NULL, NULL, &error);
  g_assert_no_error(error);
  g_autofree char *json = prpc_message_to_json(message);
  g_assert_null(strstr(json, "sealed_keys"));
  const Kms__KmsKeyResponse *answer = (const Kms__KmsKeyResponse *)message;
  g_assert_cmpuint(answer->n_keys, ==, 1);
  const char *temp_ca = answer->temp_ca_key, *root_ca = answer->keys[0]->ca_key;
  g_autoptr(Secret) k256 = secret_new(answer->keys[0]->k256_key.data, answer->keys[0]->k256_key.len);
  const RootKeys received = {.temp_ca = p256_from_pem(temp_ca, strlen(temp_ca), &error),
                             .root_ca = p256_from_pem(root_ca, strlen(root_ca), &error),
                             .k256 = k256};
  g_assert_no_error(error);
  g_autoptr(RootKeys) own = key_files_load(kms->cert_dir, NULL);
  assert_same_roots(&received, own);
  EVP_PKEY_free(received.temp_ca);
  EVP_PKEY_free(received.root_ca);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  shared = kms_new();
  kms_start(shared);
  g_test_add_func("/kms/handover/sealed", test_sealed);
  g_test_add_func("/kms/handover/recipient-of-another", test_recipient_of_another);
  g_test_add_func("/kms/handover/refusals", test_refusals);
  g_test_add_func("/kms/handover/plain", test_plain);
  int result = g_test_run();
  kms_free(shared);
  return result;
}
