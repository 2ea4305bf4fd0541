#include "sample.h"

#include "base/json.h"

#include <string.h>

void sample_clear(Sample *sample) {
  g_clear_pointer(&sample->quote, g_bytes_unref);
  g_clear_pointer(&sample->collateral, json_decref);
  g_clear_pointer(&sample->root, X509_free);
}

static DcapCollateral *parse(const json_t *json) {
  g_autofree char *text = json_print(json);
  return dcap_collateral_parse(text, strlen(text), NULL);
}

DcapCollateral *sample_collateral(const Sample *sample) {
  DcapCollateral *collateral = parse(sample->collateral);
  g_assert_nonnull(collateral);
  return collateral;
}

DcapFailure sample_verify_quote(const Sample *sample, const DcapCollateral *collateral, const void *quote, gsize len) {
  /* A heap copy of the exact size lets the sanitizers see a read past its end. */
  g_autoptr(GBytes) raw = g_bytes_new(quote, len);
  DcapOptions options = {.root = sample->root, .now = sample->now};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) error = NULL;
  gboolean verified = dcap_verify_bytes(raw, collateral, &options, &verdict, NULL, &error);
  g_assert_cmpint(verified, ==, verdict.failure == DCAP_OK);
  g_assert_cmpint(verified, ==, error == NULL);
  if (!verified) {
    g_assert_true(g_str_has_prefix(error->message, dcap_failure_name(verdict.failure)));
    g_assert_cmpint(verdict.status, ==, TCB_REVOKED);
    g_assert_cmpuint(verdict.advisory_ids->len, ==, 0);
  }
  return verdict.failure;
}

DcapFailure sample_verify(const Sample *sample) {
  g_autoptr(DcapCollateral) collateral = sample_collateral(sample);
  gsize len;
  const void *quote = g_bytes_get_data(sample->quote, &len);
  return sample_verify_quote(sample, collateral, quote, len);
}

DcapFailure sample_verify_with(const Sample *sample, const char *key, const char *value, gsize len) {
  g_autoptr(json_t) changed = json_copy(sample->collateral);
  json_t *text = json_stringn(value, len);
  if (!text)
    return DCAP_COLLATERAL_DECODE;
  json_object_set_new(changed, key, text);
  g_autoptr(DcapCollateral) collateral = parse(changed);
  if (!collateral)
    return DCAP_COLLATERAL_DECODE;
  gsize quote_len;
  const void *quote = g_bytes_get_data(sample->quote, &quote_len);
  return sample_verify_quote(sample, collateral, quote, quote_len);
}

void assert_failure(DcapFailure actual, DcapFailure expected, const char *what, gsize where) {
  if (actual != expected)
    g_error("%s at %" G_GSIZE_FORMAT ": got '%s', expected '%s'", what, where, dcap_failure_name(actual),
            dcap_failure_name(expected));
}
