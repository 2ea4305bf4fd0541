/* Quotes, verified with genuine collateral: whatever is accepted must say exactly what the quoting enclave signed. */
#include "simulated_world.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The signed part of the corpus's own quote of this version. */
static const Quote *genuine(guint version) {
  static Quote *quotes[6];
  if (!quotes[version]) {
    g_autoptr(GBytes) raw = fuzz_quote(version);
    quotes[version] = quote_parse(raw, NULL);
  }
  return quotes[version];
}

static const DcapCollateral *collateral_for(guint version) {
  static DcapCollateral *of_enclaves, *of_tds;
  DcapCollateral **which = version == 3 ? &of_enclaves : &of_tds;
  if (!*which) {
    g_autofree char *json = fuzz_collateral(version);
    *which = dcap_collateral_parse(json, strlen(json), NULL);
  }
  return *which;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const DcapOptions options = {.root = fuzz_root(), .now = FUZZ_NOW};
  g_autoptr(GBytes) raw = g_bytes_new(data, size);
  g_autoptr(Quote) quote = NULL;
  g_auto(DcapVerdict) verdict = {0};
  guint version = size > 0 ? data[0] : 0;
  gboolean verified = dcap_verify_bytes(raw, collateral_for(version), &options, &verdict, &quote, NULL);
  g_assert_cmpint(verified, ==, verdict.failure == DCAP_OK);
  if (verified) {
    const Quote *known = genuine(quote->version);
    g_assert_cmpmem(quote->signed_data, quote->signed_len, known->signed_data, known->signed_len);
  }
  return 0;
}
