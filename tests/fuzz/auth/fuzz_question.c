/* The body of a webhook request: what is let through has bounded, clean fields, and can always be put to a contract. */
#include "kms/auth/allow_list.h"
#include "kms/auth/boot_call.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_digits(const char *text, gsize max) {
  g_assert_true(strlen(text) <= max && strspn(text, "0123456789abcdef") == strlen(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_auto(AuthQuestion) question = {0};
  if (auth_question_parse((const char *)data, size, &question) != AUTH_PARSED)
    return 0;
  assert_digits(question.app_id, 40);
  assert_digits(question.instance_id, 40);
  assert_digits(question.compose_hash, 64);
  assert_digits(question.device_id, 64);
  assert_digits(question.mr_aggregated, 64);
  assert_digits(question.mr_system, 64);
  assert_digits(question.os_image_hash, 64);
  g_autoptr(GBytes) call = boot_call_encode(AUTH_APP, &question);
  g_assert_cmpuint((g_bytes_get_size(call) - 4) % 32, ==, 0);
  g_auto(AuthDecision) decision = {0};
  allow_list_decide(NULL, AUTH_APP, &question, &decision);
  g_assert_false(decision.allowed);
  return 0;
}
