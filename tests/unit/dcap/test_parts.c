/* Tests of the parts of lib/dcap that need no quote: PEM, DER, Intel's certificate extension, times, statuses, levels.
 */
#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "crypto/x509.h"
#include "dcap/certificate.h"
#include "dcap/der.h"
#include "dcap/pck.h"
#include "dcap/pem.h"
#include "dcap/qe_identity.h"
#include "dcap/signed_json.h"
#include "dcap/status.h"
#include "dcap/tcb_info.h"

#include <openssl/x509v3.h>
#include <string.h>

static void test_intel_root(void) {
  const DcapCert *root = dcap_intel_root_cert();
  guint8 digest[SHA256_SIZE];
  gsize len;
  const void *der = g_bytes_get_data(root->der, &len);
  digest_sha256(der, len, digest);
  g_autofree char *text = hex_encode(digest, sizeof digest);
  g_assert_cmpstr(text, ==, "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3");
  g_autofree char *point = hex_encode(root->point, sizeof root->point);
  g_assert_cmpstr(point, ==,
                  "0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5"
                  "67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394");
  g_assert_cmpstr(root->common_name, ==, "Intel SGX Root CA");
  const ASN1_INTEGER *serial = X509_get0_serialNumber(root->x509);
  g_autofree char *serial_text = hex_encode(ASN1_STRING_get0_data(serial), (gsize)ASN1_STRING_length(serial));
  g_assert_cmpstr(serial_text, ==, "22650cd65a9d3489f383b49552bf501b392706ac");
  const ASN1_OCTET_STRING *key_id = X509_get0_subject_key_id(root->x509);
  g_autofree char *key_id_text = hex_encode(ASN1_STRING_get0_data(key_id), (gsize)ASN1_STRING_length(key_id));
  g_assert_cmpstr(key_id_text, ==, serial_text);
  g_autofree char *sha1 = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, root->der);
  g_assert_cmpstr(sha1, ==, "8bd31eb1d63ce37382c0ffaa0d8200a3011ad6ff");
  g_autoptr(GBytes) spki = cert_spki(root->x509);
  g_autofree char *spki_digest = g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, spki);
  g_assert_cmpstr(spki_digest, ==, "a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e");
  g_assert_true(root->is_ca && root->may_sign_certs && root->may_sign_crls);
  g_assert_cmpint(root->path_len, ==, 1);
  g_assert_cmpint(root->not_before, ==, 1526899510);
  g_assert_cmpint(root->not_after, ==, 2524607999);
}

static GPtrArray *pem(const char *body) {
  g_autofree char *text = g_strdup_printf("junk\n-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n", body);
  return dcap_pem_certificates(text, strlen(text) + 1, NULL);
}

static void test_pem(void) {
  static const struct {
    const char *body, *hex;
  } good[] = {{"AAEC", "000102"}, {"AA\r\nEC\nAw==", "00010203"}, {"AAECAwQ=", "0001020304"}};
  for (gsize i = 0; i < G_N_ELEMENTS(good); i++) {
    g_autoptr(GPtrArray) blocks = pem(good[i].body);
    g_assert_cmpuint(blocks->len, ==, 1);
    g_autofree char *hex = hex_encode_bytes(blocks->pdata[0]);
    g_assert_cmpstr(hex, ==, good[i].hex);
  }
  static const char *const bad[] = {"",
                                    "AAE",
                                    "AAECAw=",
                                    "AAECAx==",
                                    "AAECAwR=",
                                    "AA EC",
                                    "A===",
                                    "====",
                                    "AA=C",
                                    "AA==AAEC",
                                    "AAE\rC",
                                    "A\x80"
                                    "EC"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_null(pem(bad[i]));
  g_autoptr(GPtrArray) none = dcap_pem_certificates("-----BEGIN CERTIFICATE-----\nAAEC", 32, NULL);
  g_assert_cmpuint(none->len, ==, 0);
  g_autoptr(GString) many = g_string_new(NULL);
  for (guint i = 0; i <= DCAP_CHAIN_MAX_CERTS; i++)
    g_string_append(many, "-----BEGIN CERTIFICATE-----\nAAEC\n-----END CERTIFICATE-----\n");
  g_autoptr(GError) error = NULL;
  g_assert_null(dcap_pem_certificates(many->str, many->len, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
  g_clear_error(&error);
  g_assert_null(dcap_pem_certificates(many->str, DCAP_PEM_MAX_SIZE + 1, &error));
  g_assert_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE);
}

static gboolean der_uint(const char *hex, guint32 max, guint32 *out) {
  g_autoptr(GBytes) bytes = hex_decode(hex, strlen(hex), NULL);
  Reader reader = reader_init_bytes(bytes);
  *out = dcap_der_uint(&reader, DER_INTEGER, max);
  return reader_ok(&reader) && reader_remaining(&reader) == 0;
}

static void test_der(void) {
  guint32 value;
  g_assert_true(der_uint("020100", 255, &value) && value == 0);
  g_assert_true(der_uint("020200ff", 255, &value) && value == 255);
  g_assert_true(der_uint("02020100", 65535, &value) && value == 256);
  g_assert_true(der_uint("020300ffff", 65535, &value) && value == 65535);
  static const char *const bad[] = {"0200",       "0201",           "020180",   "02020001",
                                    "02020100ff", "02810100",       "02800000", "03010000",
                                    "0203010000", "020500ffffffff", ""};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(der_uint(bad[i], g_str_has_prefix(bad[i], "0203") ? 65535 : 255, &value));
}

/* The members of a real extension (platform of FMSPC b0c06f000000), each SEQUENCE { OID, value }. */
#define ARC "2a864886f84d010d01"
#define PPID_MEMBER "301e060a" ARC "010410811dca2a26b952e85bb6448b097ba4fd"
#define COMPONENT(i, svn) "3010060b" ARC "02" i "0201" svn
#define TCB_MEMBERS                                                                                                    \
  COMPONENT("01", "03")                                                                                                \
  COMPONENT("02", "03")                                                                                                \
  COMPONENT("03", "02")                                                                                                \
  COMPONENT("04", "02")                                                                                                \
  COMPONENT("05", "04")                                                                                                \
  COMPONENT("06", "01")                                                                                                \
  COMPONENT("07", "00")                                                                                                \
  COMPONENT("08", "05")                                                                                                \
  COMPONENT("09", "00")                                                                                                \
  COMPONENT("0a", "00") COMPONENT("0b", "00") COMPONENT("0c", "00") COMPONENT("0d", "00") COMPONENT("0e", "00")        \
      COMPONENT("0f", "00") COMPONENT("10", "00") COMPONENT("11", "0b") CPU_SVN_MEMBER
#define CPU_SVN_MEMBER                                                                                                 \
  "301f060b" ARC "02120410"                                                                                            \
  "03030202040100050000000000000000"
#define TCB_MEMBER "30820163060a" ARC "0230820153" TCB_MEMBERS
#define PCE_ID_MEMBER "3010060a" ARC "0304020000"
#define FMSPC_MEMBER "3014060a" ARC "040406b0c06f000000"
#define TYPE_MEMBER "300f060a" ARC "050a0101"
#define INSTANCE_MEMBER "301e060a" ARC "06041007828474603e7019dc930775ffe8cdd2"
#define CONFIGURATION_MEMBER                                                                                           \
  "3044060a" ARC "073036"                                                                                              \
  "3010060b" ARC "0701"                                                                                                \
  "0101ff"                                                                                                             \
  "3010060b" ARC "0702"                                                                                                \
  "0101ff"                                                                                                             \
  "3010060b" ARC "0703"                                                                                                \
  "0101ff"

static gboolean parse_pck(const char *members, DcapPck *out) {
  gsize len = strlen(members) / 2;
  g_autofree char *hex = len < 0x100 ? g_strdup_printf("3081%02x%s", (guint)len, members)
                                     : g_strdup_printf("3082%04x%s", (guint)len, members);
  g_autoptr(GBytes) der = hex_decode(hex, strlen(hex), NULL);
  g_assert_nonnull(der);
  gsize size;
  const void *data = g_bytes_get_data(der, &size);
  return dcap_pck_parse(data, size, out, NULL);
}

static void test_pck(void) {
  DcapPck pck;
  g_assert_true(parse_pck(
      PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER INSTANCE_MEMBER CONFIGURATION_MEMBER, &pck));
  g_autofree char *ppid = hex_encode(pck.ppid, sizeof pck.ppid);
  g_autofree char *fmspc = hex_encode(pck.fmspc, sizeof pck.fmspc);
  g_autofree char *cpu_svn = hex_encode(pck.cpu_svn, sizeof pck.cpu_svn);
  g_assert_cmpstr(ppid, ==, "811dca2a26b952e85bb6448b097ba4fd");
  g_assert_cmpstr(fmspc, ==, "b0c06f000000");
  g_assert_cmpstr(cpu_svn, ==, "03030202040100050000000000000000");
  g_assert_cmpuint(pck.pce_svn, ==, 11);
  /* Optional members may be absent, in any order, and unknown ones are passed over. */
  g_assert_true(parse_pck(TYPE_MEMBER FMSPC_MEMBER PCE_ID_MEMBER TCB_MEMBER PPID_MEMBER, &pck));
  g_assert_true(parse_pck("3006060227630400" PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER, &pck));
  /* A PCE SVN with a leading zero byte. */
  g_assert_true(parse_pck(PPID_MEMBER "3043060a" ARC "023035"
                                      "3012060b" ARC "0211"
                                      "020300ffff" CPU_SVN_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER,
                          &pck));
  g_assert_cmpuint(pck.pce_svn, ==, 65535);
}

static void test_pck_refused(void) {
  static const char *const bad[] = {
      "",
      TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER,                         /* no PPID */
      PPID_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER,                        /* no TCB */
      PPID_MEMBER TCB_MEMBER FMSPC_MEMBER TYPE_MEMBER,                           /* no PCE id */
      PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER TYPE_MEMBER,                          /* no FMSPC */
      PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER,                         /* no type */
      PPID_MEMBER PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER, /* duplicate */
      PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER "00",        /* trailing byte */
      PPID_MEMBER "3030060a" ARC "023022" CPU_SVN_MEMBER "00" PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER, /* no PCE SVN */
      "301d060a" ARC "01040f811dca2a26b952e85bb6448b097ba4" TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER,
      PPID_MEMBER TCB_MEMBER PCE_ID_MEMBER FMSPC_MEMBER "300f060a" ARC "05020101", /* wrong tag */
      /* a component that is not its byte of the CPU SVN */
      PPID_MEMBER "3053060a" ARC "023045" COMPONENT("01", "04") COMPONENT("11", "0b")
          CPU_SVN_MEMBER PCE_ID_MEMBER FMSPC_MEMBER TYPE_MEMBER,
  };
  DcapPck pck;
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(parse_pck(bad[i], &pck));
}

static void test_time(void) {
  gint64 at;
  g_assert_true(dcap_parse_time("2025-06-19T10:32:27Z", FALSE, &at) && at == 1750329147);
  g_assert_true(dcap_parse_time("2025-06-19T12:32:27+02:00", FALSE, &at) && at == 1750329147);
  g_assert_true(dcap_parse_time("2025-06-19T10:32:27.5Z", FALSE, &at) && at == 1750329147);
  g_assert_true(dcap_parse_time("2025-06-19T10:32:27.5Z", TRUE, &at) && at == 1750329148);
  g_assert_true(dcap_parse_time("2025-06-19T10:32:27.000Z", TRUE, &at) && at == 1750329147);
  static const char *const bad[] = {"",
                                    "2025-06-19",
                                    "2025-06-19T10:32:27",
                                    "2025-13-19T10:32:27Z",
                                    "2025-02-30T10:32:27Z",
                                    "20250619T103227Z",
                                    "2025-W25-4T10:32:27Z",
                                    "2025-06-19 10:32:27Z",
                                    "2025-06-19T10:32:27.Z",
                                    "2025-06-19T10:32:27Zx",
                                    "2025-06-19T24:32:27Z",
                                    "2025-06-19T10:32:27+0200",
                                    "2025-06-19T10:32:27+02:0012345678901234567890"};
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_false(dcap_parse_time(bad[i], FALSE, &at));
}

static void test_status(void) {
  for (int i = TCB_UP_TO_DATE; i <= TCB_REVOKED; i++) {
    TcbStatus status;
    g_assert_true(tcb_status_parse(tcb_status_name((TcbStatus)i), &status) && (int)status == i);
    /* An up-to-date part changes nothing, a revoked one decides. */
    g_assert_cmpint(tcb_status_merge((TcbStatus)i, TCB_UP_TO_DATE), ==, i);
    g_assert_cmpint(tcb_status_merge((TcbStatus)i, TCB_REVOKED), ==, TCB_REVOKED);
  }
  TcbStatus status;
  g_assert_false(tcb_status_parse("uptodate", &status));
  g_assert_false(tcb_status_parse("", &status));
  g_assert_cmpint(tcb_status_merge(TCB_SW_HARDENING_NEEDED, TCB_OUT_OF_DATE), ==, TCB_OUT_OF_DATE);
  g_assert_cmpint(tcb_status_merge(TCB_CONFIGURATION_NEEDED, TCB_OUT_OF_DATE), ==,
                  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
  g_assert_cmpint(tcb_status_merge(TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED, TCB_OUT_OF_DATE), ==,
                  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
  g_assert_cmpint(tcb_status_merge(TCB_OUT_OF_DATE_CONFIGURATION_NEEDED, TCB_OUT_OF_DATE), ==,
                  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED);
}

static void test_advisories(void) {
  g_autoptr(GPtrArray) ids = g_ptr_array_new_with_free_func(g_free);
  g_autoptr(GPtrArray) more = g_ptr_array_new();
  g_ptr_array_add(ids, g_strdup("A"));
  g_ptr_array_add(more, (gpointer) "B");
  g_ptr_array_add(more, (gpointer) "A");
  tcb_advisories_merge(ids, more);
  g_assert_cmpuint(ids->len, ==, 2);
  g_assert_cmpstr(ids->pdata[1], ==, "B");
}

#define ZERO48 "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
#define SIGNER "\"mrsigner\":\"" ZERO48 "\",\"attributes\":\"0000000000000000\",\"attributesMask\":\"FFFFFFFFFFFFFFFF\""
#define SVNS(first) "[{\"svn\":" first "}" SVN5 SVN5 SVN5 "]"
#define SVN5 ",{\"svn\":1},{\"svn\":1},{\"svn\":1},{\"svn\":1},{\"svn\":1}"
#define LEVEL(sgx, pce, tdx, status)                                                                                   \
  "{\"tcb\":{\"sgxtcbcomponents\":" SVNS(sgx) ",\"pcesvn\":" pce                                                       \
                                              ",\"tdxtcbcomponents\":" SVNS(tdx) "},\"tcbStatus\":\"" status "\"}"
#define TCB_INFO(levels, module)                                                                                       \
  "{\"id\":\"TDX\",\"version\":3,\"fmspc\":\"b0C06F000000\",\"pceId\":\"0000\",\"tcbLevels\":[" levels "]" module "}"
#define MODULE(identities) ",\"tdxModule\":{" SIGNER "},\"tdxModuleIdentities\":[" identities "]"
#define IDENTITY(id, levels) "{\"id\":\"" id "\"," SIGNER ",\"tcbLevels\":[" levels "]}"
#define ISV_LEVEL(svn, status) "{\"tcb\":{\"isvsvn\":" svn "},\"tcbStatus\":\"" status "\"}"

static DcapTcbInfo *tcb_info(const char *text) {
  g_autoptr(json_t) json = json_parse(text, strlen(text), "test", NULL);
  g_assert_nonnull(json);
  return dcap_tcb_info_decode(json, NULL);
}

static void set_svn(DcapPck *pck, TdReport *td, guint8 sgx0, guint8 tdx0, guint8 rest) {
  memset(pck->cpu_svn, rest, sizeof pck->cpu_svn);
  memset(td->tee_tcb_svn, rest, sizeof td->tee_tcb_svn);
  pck->cpu_svn[0] = sgx0;
  td->tee_tcb_svn[0] = tdx0;
}

/* Every component counts by itself: a higher one does not make up for a lower one. */
static void test_levels(void) {
  g_autoptr(DcapTcbInfo) info =
      tcb_info(TCB_INFO(LEVEL("3", "9", "2", "OutOfDate") "," LEVEL("5", "9", "4", "UpToDate"), MODULE("")));
  g_assert_nonnull(info);
  DcapPck pck = {.pce_svn = 9};
  TdReport td = {0};
  const DcapTcbLevel *level;
  set_svn(&pck, &td, 5, 4, 1);
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, &td, &level, NULL), ==, DCAP_OK);
  g_assert_cmpint(level->status, ==, TCB_UP_TO_DATE);
  set_svn(&pck, &td, 5, 3, 1);
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, &td, &level, NULL), ==, DCAP_OK);
  g_assert_cmpint(level->status, ==, TCB_OUT_OF_DATE);
  set_svn(&pck, &td, 200, 200, 1);
  pck.cpu_svn[7] = 0;
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, &td, &level, NULL), ==, DCAP_NO_MATCHING_TCB_LEVEL);
  set_svn(&pck, &td, 200, 200, 1);
  td.tee_tcb_svn[15] = 0;
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, &td, &level, NULL), ==, DCAP_NO_MATCHING_TCB_LEVEL);
  /* For SGX the TDX components are not looked at. */
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, NULL, &level, NULL), ==, DCAP_OK);
  set_svn(&pck, &td, 5, 4, 1);
  pck.pce_svn = 8;
  g_assert_cmpint(dcap_tcb_info_match(info, &pck, &td, &level, NULL), ==, DCAP_NO_MATCHING_TCB_LEVEL);
}

static void test_module(void) {
  g_autoptr(DcapTcbInfo) info =
      tcb_info(TCB_INFO("", MODULE(IDENTITY("TDX_0A", ISV_LEVEL("6", "UpToDate") "," ISV_LEVEL("4", "OutOfDate")))));
  g_assert_nonnull(info);
  const DcapIsvLevel *level;
  TdReport td = {.tee_tcb_svn = {6, 10}};
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_OK);
  g_assert_cmpint(level->status, ==, TCB_UP_TO_DATE);
  td.tee_tcb_svn[0] = 5;
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_OK);
  g_assert_cmpint(level->status, ==, TCB_OUT_OF_DATE);
  td.tee_tcb_svn[0] = 3;
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_NO_MATCHING_TCB_LEVEL);
  td = (TdReport){.tee_tcb_svn = {6, 1}};
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_MODULE_IDENTITY_MISMATCH);
  td = (TdReport){.tee_tcb_svn = {0, 0}};
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_OK);
  g_assert_null(level);
  td = (TdReport){.tee_tcb_svn = {6, 10}, .mr_signer_seam = {1}};
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_MODULE_IDENTITY_MISMATCH);
  td = (TdReport){.tee_tcb_svn = {6, 10}, .seam_attributes = {0, 1}};
  g_assert_cmpint(dcap_tcb_info_match_module(info, &td, &level, NULL), ==, DCAP_MODULE_IDENTITY_MISMATCH);
}

static void test_tcb_info_refused(void) {
  static const char *const bad[] = {
      "{}",
      TCB_INFO("", ""),                                                    /* no tdxModule */
      TCB_INFO(LEVEL("256", "1", "1", "UpToDate"), MODULE("")),            /* SVN over a byte */
      TCB_INFO(LEVEL("-1", "1", "1", "UpToDate"), MODULE("")),             /* negative */
      TCB_INFO(LEVEL("1.0", "1", "1", "UpToDate"), MODULE("")),            /* no integer */
      TCB_INFO(LEVEL("1", "65536", "1", "UpToDate"), MODULE("")),          /* PCE SVN over 16 bits */
      TCB_INFO(LEVEL("1", "1", "1", "Fine"), MODULE("")),                  /* unknown status */
      TCB_INFO(LEVEL("1}, {\"svn\":1", "1", "1", "UpToDate"), MODULE("")), /* 17 components */
      TCB_INFO("null", MODULE("")),
      TCB_INFO("", MODULE(IDENTITY("TDX_01", ISV_LEVEL("1", "SWHardeningNeeded")))), /* not for modules */
      "{\"id\":\"TDX\",\"version\":3,\"fmspc\":\"b0c06f0000\",\"pceId\":\"0000\",\"tcbLevels\":[]" MODULE("") "}",
      "{\"id\":\"TDX\",\"version\":3,\"fmspc\":\"b0c06f000000\",\"pceId\":null,\"tcbLevels\":[]" MODULE("") "}",
      "{\"id\":\"TDX\",\"version\":\"3\",\"fmspc\":\"b0c06f000000\",\"pceId\":\"0000\",\"tcbLevels\":[]" MODULE("") "}",
  };
  for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
    g_assert_null(tcb_info(bad[i]));
}

#define QE_IDENTITY(extra)                                                                                             \
  "{\"id\":\"TD_QE\",\"version\":2,\"miscselect\":\"01000000\",\"miscselectMask\":\"0F000000\",\"attributes\":"        \
  "\"11000000000000000000000000000000\",\"attributesMask\":\"FBFFFFFFFFFFFFFF0000000000000000\",\"mrsigner\":"         \
  "\"0202020202020202020202020202020202020202020202020202020202020202\",\"isvprodid\":2," extra "}"

static void test_qe_identity(void) {
  static const char text[] =
      QE_IDENTITY("\"tcbLevels\":[" ISV_LEVEL("4", "UpToDate") "," ISV_LEVEL("2", "OutOfDate") "]");
  g_autoptr(json_t) json = json_parse(text, strlen(text), "test", NULL);
  g_autoptr(DcapQeIdentity) identity = dcap_qe_identity_decode(json, NULL);
  g_assert_nonnull(identity);
  SgxReport good = {
      .misc_select = 0xf1, .attributes = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7}, .isv_prod_id = 2, .isv_svn = 7};
  memset(good.mr_signer, 2, sizeof good.mr_signer);
  const DcapIsvLevel *level;
  g_assert_cmpint(dcap_qe_identity_match(identity, &good, &level, NULL), ==, DCAP_OK);
  g_assert_cmpint(level->status, ==, TCB_UP_TO_DATE);
  SgxReport reports[] = {good, good, good, good, good, good};
  reports[0].misc_select = 0xf2;
  reports[1].attributes[0] |= 0x02;
  reports[2].attributes[7] = 1;
  reports[3].isv_prod_id = 1;
  reports[4].isv_svn = 1;
  reports[5].mr_signer[31] ^= 1;
  for (gsize i = 0; i < G_N_ELEMENTS(reports); i++)
    g_assert_cmpint(dcap_qe_identity_match(identity, &reports[i], &level, NULL), ==, DCAP_QE_POLICY_MISMATCH);
  g_assert_cmpint(dcap_qe_identity_check_type(identity, TEE_TDX, NULL), ==, DCAP_OK);
  g_assert_cmpint(dcap_qe_identity_check_type(identity, TEE_SGX, NULL), ==, DCAP_QE_POLICY_MISMATCH);
}

int main(int argc, char **argv) {
  g_test_init(&argc, &argv, NULL);
  g_test_add_func("/dcap/intel-root", test_intel_root);
  g_test_add_func("/dcap/pem", test_pem);
  g_test_add_func("/dcap/der", test_der);
  g_test_add_func("/dcap/pck", test_pck);
  g_test_add_func("/dcap/pck-refused", test_pck_refused);
  g_test_add_func("/dcap/time", test_time);
  g_test_add_func("/dcap/status", test_status);
  g_test_add_func("/dcap/advisories", test_advisories);
  g_test_add_func("/dcap/levels", test_levels);
  g_test_add_func("/dcap/module", test_module);
  g_test_add_func("/dcap/tcb-info-refused", test_tcb_info_refused);
  g_test_add_func("/dcap/qe-identity", test_qe_identity);
  return g_test_run();
}
