/* Certificate chains as quotes carry them: PEM, DER, extensions. */
#include "dcap/chain.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GPtrArray) chain = dcap_chain_parse((const char *)data, size, NULL, NULL);
  if (!chain)
    return 0;
  const DcapTrust trust = {.root = dcap_intel_root_cert(), .intel_names = TRUE, .now = 1795000000};
  DcapFailure failure = dcap_chain_verify(chain, &trust, "SGX", NULL);
  g_assert_cmpint(failure, !=, DCAP_OK); /* no revocation list: nothing can be good */
  return 0;
}
