/* Texts from outside that the verifier parses itself: vm_config and the webhook's answers. */
#include "kms/verifier/auth_api.h"
#include "kms/verifier/vm_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autofree char *text = g_strndup((const char *)data, size);
  guint8 hash[KMS_IMAGE_HASH_SIZE];
  (void)vm_config_image_hash(text, hash, NULL); /* must only not crash */
  g_auto(BootDecision) decision = {0};
  (void)auth_reply_parse((const char *)data, size, &decision, NULL);
  g_auto(AuthInfo) info = {0};
  (void)auth_info_parse((const char *)data, size, &info, NULL);
  return 0;
}
