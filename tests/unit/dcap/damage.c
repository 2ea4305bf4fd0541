#include "damage.h"

#include "tdx/quote.h"

#include <string.h>

#define HEADER_CLASSES_END 28 /* version, key type, TEE type, reserved, vendor */
#define PEM_BEGIN "-----BEGIN CERTIFICATE-----\n"
#define PEM_END "-----END"

/* Which failure a changed byte of the quote must give; DCAP_OK: none is promised, as for lengths, which nobody signs.
 */
static DcapFailure expected_at(const Quote *quote, gsize at) {
  const guint8 *start = g_bytes_get_data(quote->raw, NULL);
  const guint8 *byte = start + at;
  gsize body = quote->version == 5 ? 54 : 48;
  if (at == 0) /* 4 becomes 5 and 5 becomes 4, whose layout then does not fit */
    return DCAP_OK;
  if (at == 1 || (at >= 4 && at < 8))
    return DCAP_UNSUPPORTED_VERSION;
  if (at < 4)
    return DCAP_UNSUPPORTED_KEY_TYPE;
  if (at >= 12 && at < HEADER_CLASSES_END)
    return DCAP_UNSUPPORTED_VENDOR;
  if (at >= 48 && at < body)
    return DCAP_PARSE_ERROR;
  if (byte < start + quote->signed_len)
    return DCAP_BAD_QUOTE_SIGNATURE;
  if (byte >= quote->signature && byte < quote->signature + 64)
    return DCAP_BAD_QUOTE_SIGNATURE;
  if ((byte >= quote->attestation_key && byte < quote->attestation_key + 64) ||
      (byte >= quote->qe_auth_data && byte < quote->qe_auth_data + quote->qe_auth_len))
    return DCAP_QE_REPORT_DATA_MISMATCH;
  if ((byte >= quote->qe_report && byte < quote->qe_report + 384) ||
      (byte >= quote->qe_report_signature && byte < quote->qe_report_signature + 64))
    return DCAP_BAD_QE_REPORT_SIGNATURE;
  return DCAP_OK;
}

/* End of the bytes that count: the section the signature length field spans. */
static gsize counted_length(const Quote *quote) {
  const guint8 *start = g_bytes_get_data(quote->raw, NULL);
  return (gsize)(quote->cert_data + quote->cert_len - start);
}

static void flip_bytes(const Sample *sample, const Quote *quote, const DcapCollateral *collateral) {
  gsize len;
  const guint8 *good = g_bytes_get_data(quote->raw, &len);
  g_autofree guint8 *bad = g_memdup2(good, len);
  gsize before_certs = (gsize)(quote->cert_data - good);
  for (gsize i = 0; i < before_certs; i++) {
    static const guint8 masks[] = {0x01, 0x80, 0xff};
    bad[i] ^= masks[i % G_N_ELEMENTS(masks)];
    DcapFailure actual = sample_verify_quote(sample, collateral, bad, len), expected = expected_at(quote, i);
    if (expected != DCAP_OK)
      assert_failure(actual, expected, "quote byte", i);
    bad[i] = good[i];
  }
}

/* Lengths and types between the signed parts: not signed, so only what they change is. None may be read out of bounds.
 */
static gboolean is_digit(char c) { return g_ascii_isalnum(c) || c == '+' || c == '/'; }

/* Calls `verify` with each `stride`th base64 digit of a chain changed. */
typedef DcapFailure (*VerifyText)(const Sample *sample, gpointer context, const char *text, gsize len);
static void flip_digits(const Sample *sample, const char *pem, gsize len, gsize stride, VerifyText verify,
                        gpointer context) {
  g_autofree char *bad = g_memdup2(pem, len);
  gboolean inside = FALSE;
  for (gsize i = 0; i < len; i++) {
    if (i + strlen(PEM_BEGIN) < len && strncmp(pem + i, PEM_BEGIN, strlen(PEM_BEGIN)) == 0) {
      inside = TRUE;
      i += strlen(PEM_BEGIN) - 1;
    } else if (i + strlen(PEM_END) < len && strncmp(pem + i, PEM_END, strlen(PEM_END)) == 0) {
      inside = FALSE;
    } else if (inside && i % stride == 0 && is_digit(pem[i])) {
      bad[i] = pem[i] == 'A' ? 'B' : 'A';
      assert_failure(verify(sample, context, bad, len), DCAP_CHAIN_INVALID, "chain digit", i);
      bad[i] = pem[i];
    }
  }
}

typedef struct {
  const Quote *quote;
  const DcapCollateral *collateral;
} ChainContext;

static DcapFailure verify_quote_chain(const Sample *sample, gpointer data, const char *text, gsize len) {
  const ChainContext *context = data;
  gsize quote_len;
  const guint8 *good = g_bytes_get_data(context->quote->raw, &quote_len);
  g_autofree guint8 *bad = g_memdup2(good, quote_len);
  memcpy(bad + (context->quote->cert_data - good), text, len);
  return sample_verify_quote(sample, context->collateral, bad, quote_len);
}

static void cut(const Sample *sample, const Quote *quote, const DcapCollateral *collateral) {
  gsize len;
  const guint8 *good = g_bytes_get_data(quote->raw, &len);
  gsize counted = counted_length(quote);
  for (gsize i = 0; i < counted; i++)
    assert_failure(sample_verify_quote(sample, collateral, good, i), DCAP_PARSE_ERROR, "quote cut", i);
  assert_failure(sample_verify_quote(sample, collateral, good, counted), DCAP_OK, "trailing bytes cut", counted);
  g_autofree guint8 *longer = g_malloc(len + 100);
  memcpy(longer, good, len);
  memset(longer + len, 0xa5, 100);
  assert_failure(sample_verify_quote(sample, collateral, longer, len + 100), DCAP_OK, "trailing bytes added", len);
  g_autofree guint8 *huge = g_malloc0(2 * TDX_QUOTE_MAX_SIZE);
  memcpy(huge, good, len);
  assert_failure(sample_verify_quote(sample, collateral, huge, 2 * TDX_QUOTE_MAX_SIZE), DCAP_PARSE_ERROR, "huge", 0);
}

void damage_quote(const Sample *sample) {
  g_autoptr(Quote) quote = quote_parse(sample->quote, NULL);
  g_assert_nonnull(quote);
  g_autoptr(DcapCollateral) collateral = sample_collateral(sample);
  assert_failure(sample_verify(sample), DCAP_OK, "sample", 0);
  flip_bytes(sample, quote, collateral);
  ChainContext context = {quote, collateral};
  flip_digits(sample, (const char *)quote->cert_data, quote->cert_len, 3, verify_quote_chain, &context);
  cut(sample, quote, collateral);
}

/* The two dates come before the signature in the order of checks, so changing one may be called by another name. */
static gboolean in_date(const char *text, gsize at) {
  static const char *const keys[] = {"\"issueDate\":\"", "\"nextUpdate\":\""};
  for (gsize i = 0; i < G_N_ELEMENTS(keys); i++) {
    gsize start = (gsize)(strstr(text, keys[i]) - text);
    if (at >= start && at < start + strlen(keys[i]) + strlen("0000-00-00T00:00:00Z\""))
      return TRUE;
  }
  return FALSE;
}

static void flip_text(const Sample *sample, const char *key, gsize stride, DcapFailure expected) {
  const char *good = json_string_value(json_object_get(sample->collateral, key));
  gsize len = strlen(good);
  g_autofree char *bad = g_strdup(good);
  gboolean in_string = FALSE, is_value = FALSE;
  for (gsize i = 0; i < len; i++) {
    if (good[i] == '"') {
      in_string = !in_string;
      is_value = in_string && i > 0 && good[i - 1] != '{' && (good[i - 1] != ',' || good[i - 2] == '"');
    }
    if (i % stride != 0)
      continue;
    bad[i] = good[i] == 'A' ? 'B' : 'A';
    DcapFailure actual = sample_verify_with(sample, key, bad, len);
    bad[i] = good[i];
    g_assert_cmpint(actual, !=, DCAP_OK);
    if (in_string && is_value && g_ascii_isalnum(good[i]) && !in_date(good, i))
      assert_failure(actual, expected, key, i);
  }
}

static DcapFailure verify_member(const Sample *sample, gpointer context, const char *text, gsize len) {
  return sample_verify_with(sample, context, text, len);
}

static void flip_chain(const Sample *sample, const char *key) {
  const char *pem = json_string_value(json_object_get(sample->collateral, key));
  flip_digits(sample, pem, strlen(pem), 11, verify_member, (gpointer)key);
}

static void flip_hex(const Sample *sample, const char *key, gsize stride, DcapFailure expected, DcapFailure also) {
  const char *good = json_string_value(json_object_get(sample->collateral, key));
  g_autofree char *bad = g_strdup(good);
  for (gsize i = 0, len = strlen(good); i < len; i += stride) {
    bad[i] = good[i] == '0' ? '1' : '0';
    DcapFailure actual = sample_verify_with(sample, key, bad, strlen(bad));
    if (actual != also)
      assert_failure(actual, expected, key, i);
    bad[i] = good[i];
  }
}

void damage_collateral(const Sample *sample, gsize stride) {
  assert_failure(sample_verify(sample), DCAP_OK, "sample", 0);
  flip_text(sample, "tcb_info", stride, DCAP_BAD_TCB_INFO_SIGNATURE);
  flip_text(sample, "qe_identity", stride, DCAP_BAD_QE_IDENTITY_SIGNATURE);
  flip_hex(sample, "tcb_info_signature", 3, DCAP_BAD_TCB_INFO_SIGNATURE, DCAP_BAD_TCB_INFO_SIGNATURE);
  flip_hex(sample, "qe_identity_signature", 3, DCAP_BAD_QE_IDENTITY_SIGNATURE, DCAP_BAD_QE_IDENTITY_SIGNATURE);
  flip_chain(sample, "tcb_info_issuer_chain");
  flip_chain(sample, "qe_identity_issuer_chain");
  flip_hex(sample, "root_ca_crl", stride, DCAP_CHAIN_INVALID, DCAP_COLLATERAL_DECODE);
  flip_hex(sample, "pck_crl", 5 * stride, DCAP_CHAIN_INVALID, DCAP_COLLATERAL_DECODE);
}
