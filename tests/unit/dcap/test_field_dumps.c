/* Every field of real quotes and of their PCK certificates, as written down beside them. */
#include "base/hex.h"
#include "base/json.h"
#include "base/reader.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "dcap/chain.h"
#include "dcap/pck.h"
#include "fixture.h"

#include <string.h>

static const char *text(const json_t *object, const char *key) {
  return json_string_value(json_object_get(object, key));
}
static gint64 number(const json_t *object, const char *key) { return json_integer_value(json_object_get(object, key)); }

static GBytes *read_quote(const char *name) {
  g_autoptr(GBytes) content = fixture_bytes(name);
  g_assert_nonnull(content);
  if (!g_str_has_suffix(name, ".json"))
    return g_steal_pointer(&content);
  g_autoptr(json_t) json = json_parse(g_bytes_get_data(content, NULL), g_bytes_get_size(content), name, NULL);
  return json_get_hex(json, "quote", name, NULL);
}

/* A member that is null where the version has no such field. */
static void assert_number_or_null(const json_t *dump, const char *key, gboolean is_there, guint value) {
  const json_t *expected = json_object_get(dump, key);
  g_assert_cmpint(is_there, ==, json_is_integer(expected));
  if (is_there)
    g_assert_cmpint(value, ==, json_integer_value(expected));
  else
    g_assert_true(json_is_null(expected));
}

static void check_types(const Quote *quote, const json_t *dump) {
  Reader body = reader_init_bytes(quote->raw), auth = body;
  reader_skip(&body, 48);
  assert_number_or_null(dump, "body_type", quote->version == 5, reader_u16le(&body));
  g_assert_cmpint(quote->version == 5, ==, quote->signed_len == (quote->td.is_td15 ? 702 : 638));
  reader_skip(&auth, quote->signed_len + 4 + 128); /* signature and key */
  assert_number_or_null(dump, "outer_cert_type", quote->version != 3, reader_u16le(&auth));
}

static void check_layout(const Quote *quote, const json_t *dump) {
  Reader reader = reader_init_bytes(quote->raw);
  g_assert_cmpint(g_bytes_get_size(quote->raw), ==, number(dump, "length"));
  g_assert_cmpint(quote->version, ==, number(dump, "version"));
  g_assert_cmpint(quote->tee_type, ==, number(dump, "tee_type"));
  g_assert_cmpint(quote->signed_len, ==, number(dump, "signed_len"));
  reader_skip(&reader, quote->signed_len);
  guint32 auth_len = reader_u32le(&reader);
  g_assert_cmpint(auth_len, ==, number(dump, "auth_data_len"));
  reader_skip(&reader, auth_len);
  g_assert_cmpint(reader_remaining(&reader), ==, number(dump, "trailing_bytes"));
  g_assert_cmpint(quote->cert_type, ==, number(dump, "cert_type"));
  g_assert_cmpint(quote->qe_auth_len, ==, number(dump, "qe_auth_len"));
  g_assert_cmpint(quote->td.is_td15, ==, g_str_equal(text(dump, "body"), "td15"));
  assert_hex(quote->user_data, 20, text(dump, "header_user_data"));
  assert_hex(quote->attestation_key, 64, text(dump, "attestation_key"));
}

static const guint8 *at_field(const TdReport *td, const char *name, gsize *len) {
#define FIELD(field, member)                                                                                           \
  if (g_str_equal(name, field)) {                                                                                      \
    *len = sizeof td->member;                                                                                          \
    return td->member;                                                                                                 \
  }
  FIELD("tee_tcb_svn", tee_tcb_svn)
  FIELD("mr_seam", mr_seam)
  FIELD("mr_signer_seam", mr_signer_seam)
  FIELD("seam_attributes", seam_attributes)
  FIELD("td_attributes", td_attributes)
  FIELD("xfam", xfam)
  FIELD("mr_td", mr_td)
  FIELD("mr_config_id", mr_config_id)
  FIELD("mr_owner", mr_owner)
  FIELD("mr_owner_config", mr_owner_config)
  FIELD("rt_mr0", rtmr[0])
  FIELD("rt_mr1", rtmr[1])
  FIELD("rt_mr2", rtmr[2])
  FIELD("rt_mr3", rtmr[3])
  FIELD("report_data", report_data)
  FIELD("tee_tcb_svn2", tee_tcb_svn2)
  FIELD("mr_service_td", mr_service_td)
#undef FIELD
  g_error("no field %s", name);
}

/* Named fields, and the whole: writing the fields again gives the bytes that were signed. */
static void check_td(const Quote *quote, const json_t *dump) {
  const char *name;
  json_t *value;
  json_object_foreach(json_object_get(dump, "body_fields"), name, value) {
    gsize len;
    const guint8 *field = at_field(&quote->td, name, &len);
    assert_hex(field, len, json_string_value(value));
  }
  g_assert_cmpuint(json_object_size(json_object_get(dump, "body_fields")), ==, quote->td.is_td15 ? 17 : 15);
  g_autoptr(GBytes) again = quote_build_signed_part(quote);
  g_assert_cmpmem(g_bytes_get_data(again, NULL), g_bytes_get_size(again), quote->signed_data, quote->signed_len);
  g_autoptr(GBytes) whole = quote_build(quote);
  gsize counted = (gsize)(quote->cert_data + quote->cert_len - quote->signed_data);
  g_assert_cmpmem(g_bytes_get_data(whole, NULL), g_bytes_get_size(whole), quote->signed_data, counted);
}

static void check_qe_report(const Quote *quote, const json_t *dump) {
  const json_t *fields = json_object_get(dump, "qe_report");
  SgxReport qe;
  sgx_report_parse(quote->qe_report, &qe);
  const guint16 prod_id = GUINT16_TO_LE(qe.isv_prod_id), svn = GUINT16_TO_LE(qe.isv_svn);
  const guint32 misc = GUINT32_TO_LE(qe.misc_select);
  assert_hex(qe.cpu_svn, 16, text(fields, "cpu_svn"));
  assert_hex(qe.mr_enclave, 32, text(fields, "mr_enclave"));
  assert_hex(qe.mr_signer, 32, text(fields, "mr_signer"));
  assert_hex(qe.attributes, 16, text(fields, "attributes"));
  assert_hex((const guint8 *)&prod_id, 2, text(fields, "isv_prod_id"));
  assert_hex((const guint8 *)&svn, 2, text(fields, "isv_svn"));
  assert_hex((const guint8 *)&misc, 4, text(fields, "misc_select"));
}

/* Member .5 of Intel's extension: OID, then an ENUMERATED of one byte. */
static void check_sgx_type(X509 *leaf, const json_t *fields) {
  static const guint8 member[] = {0x06, 0x0a, 0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01, 0x05, 0x0a, 0x01};
  g_autoptr(GBytes) extension = NULL;
  g_assert_true(cert_extension_raw(leaf, DCAP_SGX_EXTENSION_OID, &extension, NULL));
  gsize len;
  const guint8 *data = g_bytes_get_data(extension, &len), *at = memmem(data, len, member, sizeof member);
  g_assert_nonnull(at);
  g_assert_cmpint(at[sizeof member], ==, number(fields, "sgx_type"));
}

static void check_pck(const Quote *quote, const json_t *dump) {
  const json_t *fields = json_object_get(dump, "pck");
  g_autoptr(GPtrArray) chain = dcap_chain_parse((const char *)quote->cert_data, quote->cert_len, NULL, NULL);
  g_assert_cmpint(chain->len, ==, number(fields, "chain_len"));
  const DcapCert *leaf = chain->pdata[0], *issuer = chain->pdata[1];
  DcapPck pck;
  g_assert_true(dcap_pck_from_cert(leaf->x509, &pck, NULL));
  assert_hex(pck.ppid, 16, text(fields, "ppid"));
  assert_hex(pck.cpu_svn, 16, text(fields, "cpusvn"));
  g_assert_cmpint(pck.pce_svn, ==, number(fields, "pcesvn"));
  assert_hex(pck.pce_id, 2, text(fields, "pceid"));
  assert_hex(pck.fmspc, 6, text(fields, "fmspc"));
  check_sgx_type(leaf->x509, fields);
  g_assert_cmpstr(issuer->common_name, ==, text(fields, "issuer_cn"));
  g_assert_cmpint(leaf->not_before, ==, number(fields, "not_before"));
  g_assert_cmpint(leaf->not_after, ==, number(fields, "not_after"));
  const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf->x509);
  assert_hex(ASN1_STRING_get0_data(serial), (gsize)ASN1_STRING_length(serial), text(fields, "serial"));
}

static void test_dumps(void) {
  g_autoptr(GBytes) content = fixture_bytes("expected.json");
  if (!content)
    return;
  g_autoptr(json_t) expected = json_parse(g_bytes_get_data(content, NULL), g_bytes_get_size(content), "expected", NULL);
  const char *name;
  json_t *dump;
  guint count = 0;
  json_object_foreach(json_object_get(expected, "quotes"), name, dump) {
    g_test_message("%s", name);
    g_autoptr(GBytes) raw = read_quote(name);
    g_autoptr(Quote) quote = quote_parse(raw, NULL);
    g_assert_nonnull(quote);
    check_layout(quote, dump);
    check_types(quote, dump);
    if (quote->tee_type == TEE_TDX)
      check_td(quote, dump);
    check_qe_report(quote, dump);
    check_pck(quote, dump);
    count++;
  }
  g_assert_cmpuint(count, >=, 11);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dcap/field-dumps", test_dumps);
  return g_test_run();
}
