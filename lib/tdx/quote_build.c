/* Writing quotes: the inverse of parsing them, field by field. */
#include "tdx/quote.h"

#include <string.h>

#define SGX_REPORT_SIZE 384
#define SIGNATURE_SIZE 64
#define KEY_SIZE 64
#define CERT_TYPE_QE_REPORT 6

enum { BODY_TD10 = 2, BODY_TD15 = 3, TD10_REPORT_SIZE = 584, TD15_REPORT_SIZE = 648 };

static void put(GByteArray *out, const void *data, gsize len) { g_byte_array_append(out, data, (guint)len); }

static void put_u16(GByteArray *out, guint16 value) { put(out, (guint16[]){GUINT16_TO_LE(value)}, 2); }
static void put_u32(GByteArray *out, guint32 value) { put(out, (guint32[]){GUINT32_TO_LE(value)}, 4); }
static void put_zeros(GByteArray *out, gsize len) {
  static const guint8 zeros[96];
  put(out, zeros, len);
}

static void put_header(GByteArray *out, const Quote *quote) {
  put_u16(out, quote->version);
  put_u16(out, quote->attestation_key_type);
  put_u32(out, quote->tee_type);
  put_zeros(out, 4);
  put(out, quote->qe_vendor_id, sizeof quote->qe_vendor_id);
  put(out, quote->user_data, sizeof quote->user_data);
}

static void put_td_report(GByteArray *out, const TdReport *report) {
  put(out, report->tee_tcb_svn, sizeof report->tee_tcb_svn);
  put(out, report->mr_seam, TDX_MR_SIZE);
  put(out, report->mr_signer_seam, TDX_MR_SIZE);
  put(out, report->seam_attributes, sizeof report->seam_attributes);
  put(out, report->td_attributes, sizeof report->td_attributes);
  put(out, report->xfam, sizeof report->xfam);
  put(out, report->mr_td, TDX_MR_SIZE);
  put(out, report->mr_config_id, TDX_MR_SIZE);
  put(out, report->mr_owner, TDX_MR_SIZE);
  put(out, report->mr_owner_config, TDX_MR_SIZE);
  for (guint i = 0; i < TDX_N_RTMRS; i++)
    put(out, report->rtmr[i], TDX_MR_SIZE);
  put(out, report->report_data, TDX_REPORT_DATA_SIZE);
  if (report->is_td15) {
    put(out, report->tee_tcb_svn2, sizeof report->tee_tcb_svn2);
    put(out, report->mr_service_td, TDX_MR_SIZE);
  }
}

static void put_sgx_report(GByteArray *out, const SgxReport *report) {
  put(out, report->cpu_svn, sizeof report->cpu_svn);
  put_u32(out, report->misc_select);
  put_zeros(out, 28);
  put(out, report->attributes, sizeof report->attributes);
  put(out, report->mr_enclave, sizeof report->mr_enclave);
  put_zeros(out, 32);
  put(out, report->mr_signer, sizeof report->mr_signer);
  put_zeros(out, 96);
  put_u16(out, report->isv_prod_id);
  put_u16(out, report->isv_svn);
  put_zeros(out, 60);
  put(out, report->report_data, sizeof report->report_data);
}

void sgx_report_build(const SgxReport *report, guint8 out[384]) {
  g_autoptr(GByteArray) bytes = g_byte_array_sized_new(SGX_REPORT_SIZE);
  put_sgx_report(bytes, report);
  memcpy(out, bytes->data, SGX_REPORT_SIZE);
}

GBytes *quote_build_signed_part(const Quote *quote) {
  GByteArray *out = g_byte_array_new();
  put_header(out, quote);
  if (quote->version == 5) {
    put_u16(out, quote->td.is_td15 ? BODY_TD15 : BODY_TD10);
    put_u32(out, quote->td.is_td15 ? TD15_REPORT_SIZE : TD10_REPORT_SIZE);
  }
  if (quote->tee_type == TEE_SGX)
    put_sgx_report(out, &quote->sgx);
  else
    put_td_report(out, &quote->td);
  return g_byte_array_free_to_bytes(out);
}

static void put_qe_part(GByteArray *out, const Quote *quote) {
  put(out, quote->qe_report, SGX_REPORT_SIZE);
  put(out, quote->qe_report_signature, SIGNATURE_SIZE);
  put_u16(out, (guint16)quote->qe_auth_len);
  put(out, quote->qe_auth_data, quote->qe_auth_len);
  put_u16(out, quote->cert_type);
  put_u32(out, (guint32)quote->cert_len);
  put(out, quote->cert_data, quote->cert_len);
}

GBytes *quote_build(const Quote *quote) {
  g_autoptr(GByteArray) qe_part = g_byte_array_new();
  put_qe_part(qe_part, quote);
  gboolean wrapped = quote->version != 3;
  g_autoptr(GBytes) signed_part = quote_build_signed_part(quote);
  GByteArray *out = g_byte_array_new();
  put(out, g_bytes_get_data(signed_part, NULL), g_bytes_get_size(signed_part));
  put_u32(out, SIGNATURE_SIZE + KEY_SIZE + (wrapped ? 2 + 4 : 0) + qe_part->len);
  put(out, quote->signature, SIGNATURE_SIZE);
  put(out, quote->attestation_key, KEY_SIZE);
  if (wrapped) {
    put_u16(out, CERT_TYPE_QE_REPORT);
    put_u32(out, qe_part->len);
  }
  put(out, qe_part->data, qe_part->len);
  return g_byte_array_free_to_bytes(out);
}
