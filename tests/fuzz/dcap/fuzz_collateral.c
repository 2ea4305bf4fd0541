/* Collateral as an operator or a service delivers it; what parses is used for a verification, which must refuse nothing
 * but by a class of its own. */
#include "dcap/dcap.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NOW 1795000000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse((const char *)data, size, NULL);
  if (!collateral)
    return 0;
  const DcapOptions options = {.now = NOW};
  static const guint8 zero[64];
  Quote quote = {
      .version = 4,
      .attestation_key_type = 2,
      .tee_type = TEE_TDX,
      .qe_vendor_id = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9, 0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 6, 7},
      .signature = zero,
      .attestation_key = zero,
      .cert_type = 5,
      .cert_data = zero};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  gboolean verified = dcap_verify(&quote, collateral, &options, &verdict, &error);
  g_assert_true(!verified && verdict.failure != DCAP_OK && error);
  return 0;
}
