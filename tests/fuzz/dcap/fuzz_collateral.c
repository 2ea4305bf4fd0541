/* Collateral as an operator or a service delivers it, for a genuine quote: whatever it verifies with must say exactly
 * what was signed. */
#include "dcap/collateral.h"
#include "simulated_world.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const DcapCollateral *genuine(void) {
  static DcapCollateral *collateral;
  if (!collateral) {
    g_autofree char *json = fuzz_collateral(4);
    collateral = dcap_collateral_parse(json, strlen(json), NULL);
  }
  return collateral;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static GBytes *quote;
  if (!quote)
    quote = fuzz_quote(4);
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse((const char *)data, size, NULL);
  if (!collateral)
    return 0;
  const DcapOptions options = {.root = fuzz_root(), .now = FUZZ_NOW};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  gboolean verified = dcap_verify_bytes(quote, collateral, &options, &verdict, NULL, &error);
  g_assert_cmpint(verified, ==, verdict.failure == DCAP_OK);
  g_assert_cmpint(verified, ==, error == NULL);
  if (verified) {
    g_assert_cmpstr(collateral->tcb_document->text, ==, genuine()->tcb_document->text);
    g_assert_cmpstr(collateral->qe_document->text, ==, genuine()->qe_document->text);
  }
  gint64 from, until;
  dcap_collateral_window(collateral, &from, &until);
  return 0;
}
