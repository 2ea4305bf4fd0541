/* Writing version 4 quotes, the form today's quoting enclaves give out. */
#include "tdx/quote.h"

#include <string.h>

#define SGX_REPORT_SIZE 384
#define SIGNATURE_SIZE 64
#define CERT_TYPE_PCK_CHAIN 5
#define CERT_TYPE_QE_REPORT 6
#define KEY_TYPE_ECDSA_P256 2

static void put(GByteArray *out, const void *data, gsize len) { g_byte_array_append(out, data, (guint)len); }

static void put_u16(GByteArray *out, guint16 value) { put(out, (guint16[]){GUINT16_TO_LE(value)}, 2); }
static void put_u32(GByteArray *out, guint32 value) { put(out, (guint32[]){GUINT32_TO_LE(value)}, 4); }

GBytes *quote_build_v4_body(const TdReport *report, const guint8 qe_vendor_id[16], const guint8 user_data[20]) {
  GByteArray *out = g_byte_array_sized_new(632);
  put_u16(out, 4);
  put_u16(out, KEY_TYPE_ECDSA_P256);
  put_u32(out, TEE_TDX);
  put_u32(out, 0); /* reserved */
  put(out, qe_vendor_id, 16);
  put(out, user_data, 20);
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
  return g_byte_array_free_to_bytes(out);
}

GBytes *quote_build_v4(GBytes *body, const guint8 signature[64], const guint8 attestation_key[64],
                       const guint8 qe_report[384], const guint8 qe_report_signature[64], const guint8 *qe_auth_data,
                       gsize qe_auth_len, const char *pck_chain_pem) {
  gsize chain_len = strlen(pck_chain_pem) + 1; /* the terminating NUL belongs to the certification data */
  gsize inner_len = SGX_REPORT_SIZE + SIGNATURE_SIZE + 2 + qe_auth_len + 2 + 4 + chain_len;
  GByteArray *out = g_byte_array_new();
  put(out, g_bytes_get_data(body, NULL), g_bytes_get_size(body));
  put_u32(out, (guint32)(SIGNATURE_SIZE + 64 + 2 + 4 + inner_len));
  put(out, signature, SIGNATURE_SIZE);
  put(out, attestation_key, 64);
  put_u16(out, CERT_TYPE_QE_REPORT);
  put_u32(out, (guint32)inner_len);
  put(out, qe_report, SGX_REPORT_SIZE);
  put(out, qe_report_signature, SIGNATURE_SIZE);
  put_u16(out, (guint16)qe_auth_len);
  put(out, qe_auth_data, qe_auth_len);
  put_u16(out, CERT_TYPE_PCK_CHAIN);
  put_u32(out, (guint32)chain_len);
  put(out, pck_chain_pem, chain_len);
  return g_byte_array_free_to_bytes(out);
}
