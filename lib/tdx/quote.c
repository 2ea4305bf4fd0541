#include "tdx/quote.h"

#include "base/error.h"
#include "base/reader.h"

#include <string.h>

#define SGX_REPORT_SIZE 384
#define TD10_REPORT_SIZE 584
#define TD15_REPORT_SIZE 648
#define CERT_TYPE_QE_REPORT 6
#define CERT_TYPE_MAX 7

enum { BODY_TD10 = 2, BODY_TD15 = 3 }; /* of version 5; 1 is an SGX report */

static gboolean refuse(GError **error, const char *class_name, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s", class_name, why);
  return FALSE;
}

static void read_td_report(Reader *reader, gboolean is_td15, TdReport *td) {
  reader_copy(reader, td->tee_tcb_svn, sizeof td->tee_tcb_svn);
  reader_copy(reader, td->mr_seam, TDX_MR_SIZE);
  reader_copy(reader, td->mr_signer_seam, TDX_MR_SIZE);
  reader_copy(reader, td->seam_attributes, sizeof td->seam_attributes);
  reader_copy(reader, td->td_attributes, sizeof td->td_attributes);
  reader_copy(reader, td->xfam, sizeof td->xfam);
  reader_copy(reader, td->mr_td, TDX_MR_SIZE);
  reader_copy(reader, td->mr_config_id, TDX_MR_SIZE);
  reader_copy(reader, td->mr_owner, TDX_MR_SIZE);
  reader_copy(reader, td->mr_owner_config, TDX_MR_SIZE);
  for (guint i = 0; i < TDX_N_RTMRS; i++)
    reader_copy(reader, td->rtmr[i], TDX_MR_SIZE);
  reader_copy(reader, td->report_data, TDX_REPORT_DATA_SIZE);
  td->is_td15 = is_td15;
  if (is_td15) {
    reader_copy(reader, td->tee_tcb_svn2, sizeof td->tee_tcb_svn2);
    reader_copy(reader, td->mr_service_td, TDX_MR_SIZE);
  }
}

static void read_sgx_report(Reader *reader, SgxReport *out) {
  reader_copy(reader, out->cpu_svn, sizeof out->cpu_svn);
  out->misc_select = reader_u32le(reader);
  reader_skip(reader, 28);
  reader_copy(reader, out->attributes, sizeof out->attributes);
  reader_copy(reader, out->mr_enclave, sizeof out->mr_enclave);
  reader_skip(reader, 32);
  reader_copy(reader, out->mr_signer, sizeof out->mr_signer);
  reader_skip(reader, 96);
  out->isv_prod_id = reader_u16le(reader);
  out->isv_svn = reader_u16le(reader);
  reader_skip(reader, 60);
  reader_copy(reader, out->report_data, sizeof out->report_data);
}

void sgx_report_parse(const guint8 raw[384], SgxReport *out) {
  Reader reader = reader_init(raw, SGX_REPORT_SIZE);
  read_sgx_report(&reader, out);
}

static gboolean read_header(Reader *reader, Quote *quote, GError **error) {
  quote->version = reader_u16le(reader);
  quote->attestation_key_type = reader_u16le(reader);
  guint32 tee_type = reader_u32le(reader);
  reader_skip(reader, 4);
  reader_copy(reader, quote->qe_vendor_id, sizeof quote->qe_vendor_id);
  reader_copy(reader, quote->user_data, sizeof quote->user_data);
  if (!reader_ok(reader))
    return refuse(error, "parse error", "quote header is truncated");
  gboolean known = (tee_type == TEE_SGX && quote->version == 3) ||
                   (tee_type == TEE_TDX && (quote->version == 4 || quote->version == 5));
  if (!known) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported version: quote version %u with tee type 0x%x",
                quote->version, tee_type);
    return FALSE;
  }
  quote->tee_type = (TeeType)tee_type;
  return TRUE;
}

/* The report; version 5 puts its type and size in front, and both are signed. */
static gboolean read_body(Reader *reader, Quote *quote, GError **error) {
  if (quote->tee_type == TEE_SGX) {
    read_sgx_report(reader, &quote->sgx);
    return TRUE;
  }
  gboolean is_td15 = FALSE;
  if (quote->version == 5) {
    guint16 type = reader_u16le(reader);
    guint32 size = reader_u32le(reader);
    if (type != BODY_TD10 && type != BODY_TD15)
      return refuse(error, "parse error", "quote body is not a td report");
    is_td15 = type == BODY_TD15;
    if (size != (is_td15 ? TD15_REPORT_SIZE : TD10_REPORT_SIZE))
      return refuse(error, "parse error", "quote body has the wrong size for its type");
  }
  read_td_report(reader, is_td15, &quote->td);
  return TRUE;
}

static void read_qe_report_part(Reader *reader, Quote *quote) {
  quote->qe_report = reader_take(reader, SGX_REPORT_SIZE);
  quote->qe_report_signature = reader_take(reader, 64);
  quote->qe_auth_len = reader_u16le(reader);
  quote->qe_auth_data = reader_take(reader, quote->qe_auth_len);
  quote->cert_type = reader_u16le(reader);
  quote->cert_len = reader_u32le(reader);
  quote->cert_data = reader_take(reader, quote->cert_len);
}

/* Bytes left over inside the signature section, or inside its type 6 block, are ignored as Intel's library does. */
static gboolean read_auth_data(Reader auth, Quote *quote, GError **error) {
  quote->signature = reader_take(&auth, 64);
  quote->attestation_key = reader_take(&auth, 64);
  if (quote->version == 3) {
    read_qe_report_part(&auth, quote);
  } else {
    guint16 outer_type = reader_u16le(&auth);
    guint32 outer_size = reader_u32le(&auth);
    if (reader_ok(&auth) && outer_type != CERT_TYPE_QE_REPORT)
      return refuse(error, "parse error", "signature section holds no qe report");
    Reader inner = reader_sub(&auth, outer_size);
    read_qe_report_part(&inner, quote);
    auth.failed |= inner.failed;
  }
  if (!reader_ok(&auth))
    return refuse(error, "parse error", "signature section is truncated");
  if (quote->cert_type < 1 || quote->cert_type > CERT_TYPE_MAX || quote->cert_type == CERT_TYPE_QE_REPORT)
    return refuse(error, "parse error", "unknown certification data type");
  return TRUE;
}

static gboolean read_quote(Quote *quote, GError **error) {
  Reader reader = reader_init_bytes(quote->raw);
  quote->signed_data = reader.data;
  if (!read_header(&reader, quote, error) || !read_body(&reader, quote, error))
    return FALSE;
  quote->signed_len = reader.pos;
  guint32 auth_len = reader_u32le(&reader);
  Reader auth = reader_sub(&reader, auth_len);
  if (!reader_ok(&reader))
    return refuse(error, "parse error", "quote is truncated");
  return read_auth_data(auth, quote, error);
}

Quote *quote_parse(GBytes *raw, GError **error) {
  if (g_bytes_get_size(raw) > TDX_QUOTE_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "parse error: quote is larger than %d bytes",
                TDX_QUOTE_MAX_SIZE);
    return NULL;
  }
  g_autoptr(Quote) quote = g_new0(Quote, 1);
  quote->raw = g_bytes_ref(raw);
  return read_quote(quote, error) ? g_steal_pointer(&quote) : NULL;
}

void quote_free(Quote *quote) {
  if (!quote)
    return;
  g_bytes_unref(quote->raw);
  g_free(quote);
}
