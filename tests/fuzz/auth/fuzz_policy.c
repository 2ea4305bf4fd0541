/* An allow-list file: whatever passes the check can be decided by. */
#include "kms/auth/allow_list.h"

#include <stdint.h>

#define WORD "2222222222222222222222222222222222222222222222222222222222222222"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static char *advisories[] = {"INTEL-SA-1", NULL};
  const AuthQuestion question = {
      "2222222222222222222222222222222222222222", "", WORD, WORD, WORD, WORD, WORD, "UpToDate", advisories};
  g_autoptr(json_t) policy = json_parse((const char *)data, size, "policy", NULL);
  if (!policy || !allow_list_check(policy, NULL))
    return 0;
  for (AuthSubject subject = AUTH_APP; subject <= AUTH_KMS; subject++) {
    g_auto(AuthDecision) decision = {0};
    allow_list_decide(policy, subject, &question, &decision);
    g_assert_true(decision.allowed == (*decision.reason == 0));
  }
  return 0;
}
