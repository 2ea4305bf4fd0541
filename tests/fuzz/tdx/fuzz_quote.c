/* Any bytes: refused, or parsed into parts that lie inside them. */
#include "tdx/quote.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(GBytes *raw, const guint8 *part, gsize len) {
  gsize total;
  const guint8 *start = g_bytes_get_data(raw, &total);
  g_assert(part >= start && len <= total && (gsize)(part - start) <= total - len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GBytes) raw = g_bytes_new(data, size);
  g_autoptr(GError) error = NULL;
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert((quote == NULL) == (error != NULL));
  if (!quote)
    return 0;
  check_inside(raw, quote->signed_data, quote->signed_len);
  check_inside(raw, quote->signature, 64);
  check_inside(raw, quote->attestation_key, 64);
  check_inside(raw, quote->qe_report, 384);
  check_inside(raw, quote->qe_report_signature, 64);
  check_inside(raw, quote->qe_auth_data, quote->qe_auth_len);
  check_inside(raw, quote->cert_data, quote->cert_len);
  SgxReport qe;
  sgx_report_parse(quote->qe_report, &qe);
  return 0;
}
