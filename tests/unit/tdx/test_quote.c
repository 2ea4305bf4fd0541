/* Quotes: real ones against their field dumps, hostile ones, and what is built parses back. */
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "fixture.h"
#include "tdx/quote.h"

#include <string.h>

static void check_td(const TdReport *td, const json_t *fields) {
  const struct {
    const char *name;
    const guint8 *data;
    gsize len;
  } parts[] = {
      {"tee_tcb_svn", td->tee_tcb_svn, 16},
      {"mr_seam", td->mr_seam, 48},
      {"mr_signer_seam", td->mr_signer_seam, 48},
      {"seam_attributes", td->seam_attributes, 8},
      {"td_attributes", td->td_attributes, 8},
      {"xfam", td->xfam, 8},
      {"mr_td", td->mr_td, 48},
      {"mr_config_id", td->mr_config_id, 48},
      {"mr_owner", td->mr_owner, 48},
      {"mr_owner_config", td->mr_owner_config, 48},
      {"rt_mr0", td->rtmr[0], 48},
      {"rt_mr1", td->rtmr[1], 48},
      {"rt_mr2", td->rtmr[2], 48},
      {"rt_mr3", td->rtmr[3], 48},
      {"report_data", td->report_data, 64},
      {"tee_tcb_svn2", td->tee_tcb_svn2, 16},
      {"mr_service_td", td->mr_service_td, 48},
  };
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++) {
    const char *expected = json_string_value(json_object_get(fields, parts[i].name));
    if (expected)
      assert_hex(parts[i].data, parts[i].len, expected);
    else
      g_assert_true(g_str_equal(parts[i].name, "tee_tcb_svn2") || g_str_equal(parts[i].name, "mr_service_td"));
  }
}

static void check_sgx(const SgxReport *sgx, const json_t *fields) {
  assert_hex(sgx->cpu_svn, 16, json_string_value(json_object_get(fields, "cpu_svn")));
  assert_hex(sgx->mr_enclave, 32, json_string_value(json_object_get(fields, "mr_enclave")));
  assert_hex(sgx->mr_signer, 32, json_string_value(json_object_get(fields, "mr_signer")));
  assert_hex(sgx->attributes, 16, json_string_value(json_object_get(fields, "attributes")));
  const guint16 numbers[] = {GUINT16_TO_LE(sgx->isv_prod_id), GUINT16_TO_LE(sgx->isv_svn)};
  assert_hex(&numbers[0], 2, json_string_value(json_object_get(fields, "isv_prod_id")));
  assert_hex(&numbers[1], 2, json_string_value(json_object_get(fields, "isv_svn")));
}

static gint64 number(const json_t *object, const char *key) { return json_integer_value(json_object_get(object, key)); }

static void check_quote(const char *name, const json_t *dump) {
  g_autoptr(GBytes) raw = fixture_bytes(name);
  g_autoptr(GError) error = NULL;
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_assert_cmpint(quote->version, ==, number(dump, "version"));
  g_assert_cmpint(quote->tee_type, ==, number(dump, "tee_type"));
  g_assert_cmpint(quote->attestation_key_type, ==, 2);
  assert_hex(quote->user_data, 20, json_string_value(json_object_get(dump, "header_user_data")));
  assert_hex(quote->qe_vendor_id, 16, "939a7233f79c4ca9940a0db3957f0607");
  g_assert_cmpint(quote->cert_type, ==, number(dump, "cert_type"));
  g_assert_cmpint(quote->qe_auth_len, ==, number(dump, "qe_auth_len"));
  g_assert_cmpint(quote->signed_len, ==, number(dump, "signed_len"));
  guint8 digest[32];
  digest_sha256(quote->signed_data, quote->signed_len, digest);
  assert_hex(digest, 32, json_string_value(json_object_get(dump, "signed_sha256")));
  const char *key = json_string_value(json_object_get(dump, "attestation_key"));
  assert_hex(quote->attestation_key, 64, key);
  if (quote->tee_type == TEE_TDX)
    check_td(&quote->td, json_object_get(dump, "body_fields"));
  else
    check_sgx(&quote->sgx, json_object_get(dump, "body_fields"));
  SgxReport qe;
  sgx_report_parse(quote->qe_report, &qe);
  check_sgx(&qe, json_object_get(dump, "qe_report"));
  g_assert_true(g_str_has_prefix((const char *)quote->cert_data, "-----BEGIN CERTIFICATE-----"));
}

static void test_real_quotes(void) {
  g_autoptr(GBytes) text = fixture_bytes("expected.json");
  if (!text)
    return;
  g_autoptr(GError) error = NULL;
  g_autoptr(json_t) expected = json_parse(g_bytes_get_data(text, NULL), g_bytes_get_size(text), "expected", &error);
  g_assert_no_error(error);
  const char *name;
  json_t *dump;
  guint count = 0;
  json_object_foreach(json_object_get(expected, "quotes"), name, dump) {
    if (!g_str_has_suffix(name, ".bin") && !g_str_has_suffix(name, ".hex"))
      continue; /* packed in another document */
    g_test_message("%s", name);
    check_quote(name, dump);
    count++;
  }
  g_assert_cmpuint(count, >=, 8);
}

static GBytes *built_quote_of(guint16 version, const TdReport *td) {
  const guint8 signature[64] = {2}, key[64] = {3}, qe_report[384] = {4}, qe_signature[64] = {5}, auth[32] = {6};
  const Quote quote = {.version = version,
                       .attestation_key_type = 2,
                       .tee_type = TEE_TDX,
                       .qe_vendor_id = {0x93},
                       .user_data = {1},
                       .td = *td,
                       .signature = signature,
                       .attestation_key = key,
                       .qe_report = qe_report,
                       .qe_report_signature = qe_signature,
                       .qe_auth_data = auth,
                       .qe_auth_len = sizeof auth,
                       .cert_type = 5,
                       .cert_data = (const guint8 *)"chain",
                       .cert_len = sizeof "chain"};
  g_autoptr(GBytes) signed_part = quote_build_signed_part(&quote);
  g_assert_cmpuint(g_bytes_get_size(signed_part), ==, version == 4 ? 632 : td->is_td15 ? 702 : 638);
  return quote_build(&quote);
}

static GBytes *built_quote(const TdReport *td) { return built_quote_of(4, td); }

static void test_build(void) {
  TdReport td = {.tee_tcb_svn = {7}, .rtmr = {{1}, {2}, {3}, {4}}, .report_data = {9}};
  g_autoptr(GBytes) raw = built_quote(&td);
  g_autoptr(GError) error = NULL;
  g_autoptr(Quote) quote = quote_parse(raw, &error);
  g_assert_no_error(error);
  g_assert_cmpmem(&quote->td, sizeof td, &td, sizeof td);
  g_assert_cmpuint(quote->signed_len, ==, 632);
  g_assert_cmphex(quote->signature[0], ==, 2);
  g_assert_cmphex(quote->attestation_key[0], ==, 3);
  g_assert_cmphex(quote->qe_report[0], ==, 4);
  g_assert_cmphex(quote->qe_report_signature[0], ==, 5);
  g_assert_cmphex(quote->qe_auth_data[0], ==, 6);
  g_assert_cmpmem(quote->cert_data, quote->cert_len, "chain", 6);
}

/* Version 5 says type and size of its body; the size must be the type's, whatever could be read all the same. */
static void test_body_size(void) {
  static const struct {
    gboolean is_td15;
    guint16 type, size;
    const char *why; /* NULL: good */
  } cases[] = {{FALSE, 2, 584, NULL},
               {TRUE, 3, 648, NULL},
               {FALSE, 2, 648, "parse error: quote body has the wrong size for its type"},
               {FALSE, 2, 583, "parse error: quote body has the wrong size for its type"},
               {TRUE, 3, 584, "parse error: quote body has the wrong size for its type"},
               {TRUE, 3, 649, "parse error: quote body has the wrong size for its type"},
               {TRUE, 1, 384, "parse error: quote body is not a td report"},
               {TRUE, 4, 648, "parse error: quote body is not a td report"}};
  for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
    g_autoptr(GBytes) raw = built_quote_of(5, &(TdReport){.is_td15 = cases[i].is_td15});
    gsize len;
    g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(raw, &len), g_bytes_get_size(raw));
    const guint16 words[] = {GUINT16_TO_LE(cases[i].type), GUINT16_TO_LE(cases[i].size), 0};
    memcpy(copy + 48, words, sizeof words);
    g_autoptr(GBytes) changed = g_bytes_new(copy, len);
    g_autoptr(GError) error = NULL;
    g_autoptr(Quote) quote = quote_parse(changed, &error);
    g_assert_cmpint(quote != NULL, ==, cases[i].why == NULL);
    g_assert_cmpstr(error ? error->message : NULL, ==, cases[i].why);
  }
}

static void test_truncated(void) {
  g_autoptr(GBytes) raw = built_quote(&(TdReport){0});
  for (gsize len = 0; len < g_bytes_get_size(raw); len++) {
    g_autoptr(GBytes) part = g_bytes_new_from_bytes(raw, 0, len);
    g_autoptr(GError) error = NULL;
    g_assert_null(quote_parse(part, &error));
    g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
    g_assert_true(g_str_has_prefix(error->message, "parse error"));
  }
}

static void test_trailing_bytes(void) {
  g_autoptr(GBytes) raw = built_quote(&(TdReport){0});
  g_autoptr(GByteArray) longer = g_byte_array_new();
  g_byte_array_append(longer, g_bytes_get_data(raw, NULL), (guint)g_bytes_get_size(raw));
  g_byte_array_set_size(longer, longer->len + 70);
  g_autoptr(GBytes) padded = g_bytes_new(longer->data, longer->len);
  g_autoptr(Quote) quote = quote_parse(padded, NULL);
  g_assert_nonnull(quote);
}

/* Sets one byte of a good quote and expects a refusal whose text begins with `class_name`. */
static void refuse_with_byte(gsize at, guint8 value, const char *class_name) {
  g_autoptr(GBytes) raw = built_quote(&(TdReport){0});
  gsize len;
  g_autofree guint8 *copy = g_memdup2(g_bytes_get_data(raw, &len), g_bytes_get_size(raw));
  copy[at] = value;
  g_autoptr(GBytes) changed = g_bytes_new(copy, len);
  g_autoptr(GError) error = NULL;
  g_assert_null(quote_parse(changed, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID);
  g_assert_true(g_str_has_prefix(error->message, class_name));
}

static void test_hostile(void) {
  refuse_with_byte(0, 6, "unsupported version");
  refuse_with_byte(0, 3, "unsupported version"); /* TDX has no version 3 */
  refuse_with_byte(4, 0x80, "unsupported version");
  refuse_with_byte(4, 0, "unsupported version"); /* SGX has no version 4 */
  refuse_with_byte(0, 5, "parse error");         /* version 5 without type and size of its body */
  refuse_with_byte(635, 0xff, "parse error");    /* signature section longer than the quote */
  refuse_with_byte(764, 5, "parse error");       /* outer type */
  refuse_with_byte(769, 0x7f, "parse error");    /* outer size */
  const gsize inner_type = 770 + 384 + 64 + 2 + 32;
  refuse_with_byte(inner_type, 6, "parse error"); /* nested once more */
  refuse_with_byte(inner_type, 9, "parse error");
  refuse_with_byte(inner_type + 2, 7, "parse error"); /* one byte more than there is */
  g_autoptr(GBytes) huge = g_bytes_new_take(g_malloc0(TDX_QUOTE_MAX_SIZE + 1), TDX_QUOTE_MAX_SIZE + 1);
  g_autoptr(GError) error = NULL;
  g_assert_null(quote_parse(huge, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/tdx/quote/real", test_real_quotes);
  g_test_add_func("/tdx/quote/build", test_build);
  g_test_add_func("/tdx/quote/body-size", test_body_size);
  g_test_add_func("/tdx/quote/truncated", test_truncated);
  g_test_add_func("/tdx/quote/trailing-bytes", test_trailing_bytes);
  g_test_add_func("/tdx/quote/hostile", test_hostile);
  return g_test_run();
}
