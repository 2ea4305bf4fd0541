#include "dcap/qe_identity.h"

#include "base/json.h"
#include "base/reader.h"
#include "dcap/failure.h"
#include "dcap/signed_json.h"

#include <string.h>

#define WHAT "qe identity"
#define SGX_VERSION 2
#define TDX_MIN_VERSION 2
#define TDX_MAX_VERSION 3
#define SGX_ATTRIBUTE_DEBUG 0x02

/* The eight digits are the four bytes as they stand in the report. */
static gboolean get_misc(const json_t *json, const char *key, guint32 *out, GError **error) {
  guint8 bytes[4];
  if (!dcap_json_get_fixed_hex(json, key, bytes, sizeof bytes, WHAT, error))
    return FALSE;
  Reader reader = reader_init(bytes, sizeof bytes);
  *out = reader_u32le(&reader);
  return TRUE;
}

static gboolean decode(const json_t *json, DcapQeIdentity *out, GError **error) {
  guint64 isv_prod_id;
  out->id = g_strdup(json_get_string(json, "id", WHAT, error));
  if (!out->id || !json_get_uint(json, "version", G_MAXUINT16, &out->version, WHAT, error) ||
      !dcap_evaluation_decode(json, &out->evaluation, WHAT, error) ||
      !get_misc(json, "miscselect", &out->misc_select, error) ||
      !get_misc(json, "miscselectMask", &out->misc_select_mask, error) ||
      !dcap_json_get_fixed_hex(json, "attributes", out->attributes, sizeof out->attributes, WHAT, error) ||
      !dcap_json_get_fixed_hex(json, "attributesMask", out->attributes_mask, sizeof out->attributes_mask, WHAT,
                               error) ||
      !dcap_json_get_fixed_hex(json, "mrsigner", out->mr_signer, sizeof out->mr_signer, WHAT, error) ||
      !json_get_uint(json, "isvprodid", G_MAXUINT16, &isv_prod_id, WHAT, error))
    return FALSE;
  out->isv_prod_id = (guint16)isv_prod_id;
  out->levels = dcap_isv_levels_decode(json, WHAT, error);
  return out->levels != NULL;
}

DcapQeIdentity *dcap_qe_identity_decode(const json_t *json, GError **error) {
  g_autoptr(DcapQeIdentity) identity = g_new0(DcapQeIdentity, 1);
  return decode(json, identity, error) ? g_steal_pointer(&identity) : NULL;
}

void dcap_qe_identity_free(DcapQeIdentity *identity) {
  if (!identity)
    return;
  g_free(identity->id);
  g_clear_pointer(&identity->levels, g_ptr_array_unref);
  g_free(identity);
}

DcapFailure dcap_qe_identity_check_type(const DcapQeIdentity *identity, TeeType tee, GError **error) {
  gboolean is_tdx = tee == TEE_TDX;
  guint64 min = is_tdx ? TDX_MIN_VERSION : SGX_VERSION, max = is_tdx ? TDX_MAX_VERSION : SGX_VERSION;
  const char *id = is_tdx ? "TD_QE" : "QE";
  if (g_str_equal(identity->id, id) && identity->version >= min && identity->version <= max)
    return DCAP_OK;
  return dcap_fail(error, DCAP_QE_POLICY_MISMATCH,
                   "identity of '%s' version %" G_GUINT64_FORMAT ", the quote needs '%s'", identity->id,
                   identity->version, id);
}

static gboolean attributes_match(const DcapQeIdentity *identity, const SgxReport *qe) {
  for (guint i = 0; i < sizeof qe->attributes; i++) {
    if ((qe->attributes[i] & identity->attributes_mask[i]) != identity->attributes[i])
      return FALSE;
  }
  return (qe->misc_select & identity->misc_select_mask) == identity->misc_select;
}

DcapFailure dcap_qe_identity_match(const DcapQeIdentity *identity, const SgxReport *qe, const DcapIsvLevel **out,
                                   GError **error) {
  if (memcmp(qe->mr_signer, identity->mr_signer, sizeof qe->mr_signer) != 0)
    return dcap_fail(error, DCAP_QE_POLICY_MISMATCH, "the quoting enclave has another signer");
  if (qe->attributes[0] & SGX_ATTRIBUTE_DEBUG)
    return dcap_fail(error, DCAP_QE_POLICY_MISMATCH, "the quoting enclave can be debugged");
  if (qe->isv_prod_id != identity->isv_prod_id)
    return dcap_fail(error, DCAP_QE_POLICY_MISMATCH, "the quoting enclave is another product");
  if (!attributes_match(identity, qe))
    return dcap_fail(error, DCAP_QE_POLICY_MISMATCH, "the quoting enclave has other attributes");
  *out = dcap_isv_levels_match(identity->levels, qe->isv_svn);
  if (!*out)
    return dcap_fail(error, DCAP_QE_POLICY_MISMATCH, "the quoting enclave is below all its levels");
  return DCAP_OK;
}
