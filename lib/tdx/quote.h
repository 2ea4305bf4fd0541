/* TDX and SGX quotes: layout, parsing, and building (spec: attestation A). Parsing proves nothing; see dcap/dcap.h. */
#pragma once

#include <glib.h>

#define TDX_MR_SIZE 48
#define TDX_REPORT_DATA_SIZE 64
#define TDX_QUOTE_MAX_SIZE (1024 * 1024)
#define TDX_N_RTMRS 4

typedef enum { TEE_SGX = 0, TEE_TDX = 0x81 } TeeType;

typedef struct {
  guint8 tee_tcb_svn[16];
  guint8 mr_seam[48], mr_signer_seam[48];
  guint8 seam_attributes[8], td_attributes[8], xfam[8];
  guint8 mr_td[48], mr_config_id[48], mr_owner[48], mr_owner_config[48];
  guint8 rtmr[TDX_N_RTMRS][48];
  guint8 report_data[64];
  gboolean is_td15;
  guint8 tee_tcb_svn2[16], mr_service_td[48]; /* TD 1.5 only, else zero */
} TdReport;

typedef struct {
  guint8 cpu_svn[16];
  guint32 misc_select;
  guint8 attributes[16];
  guint8 mr_enclave[32], mr_signer[32];
  guint16 isv_prod_id, isv_svn;
  guint8 report_data[64];
} SgxReport;

/* A parsed quote. Pointers lead into `raw`. */
typedef struct {
  GBytes *raw;
  guint16 version; /* 3, 4, 5 */
  guint16 attestation_key_type;
  TeeType tee_type;
  guint8 qe_vendor_id[16];
  guint8 user_data[20];
  TdReport td;               /* tee_type TEE_TDX */
  SgxReport sgx;             /* tee_type TEE_SGX */
  const guint8 *signed_data; /* the prefix the attestation key signs */
  gsize signed_len;
  const guint8 *signature;           /* 64: r || s */
  const guint8 *attestation_key;     /* 64: x || y */
  const guint8 *qe_report;           /* 384 */
  const guint8 *qe_report_signature; /* 64 */
  const guint8 *qe_auth_data;
  gsize qe_auth_len;
  guint16 cert_type; /* 1..7; 5 = PCK chain PEM */
  const guint8 *cert_data;
  gsize cert_len;
} Quote;

/* Judges the layout only: versions 3 (SGX), 4 and 5 (TDX), every inner length. The attestation key type and the vendor
 * are left to the verifier. Error INVALID or TOO_LARGE, whose text begins with the class of B.13 ("parse error",
 * "unsupported version"); the quote is NULL then. Keeps a reference to `raw`. */
Quote *quote_parse(GBytes *raw, GError **error);
void quote_free(Quote *quote);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Quote, quote_free)

/* Parses the 384-byte SGX report body (also the QE report). */
void sgx_report_parse(const guint8 raw[384], SgxReport *out);

void sgx_report_build(const SgxReport *report, guint8 out[384]);

/* Header and report of a quote as its attestation key signs them (in version 5 with type and size between), from its
 * fields; `raw` and the pointers are not looked at. */
GBytes *quote_build_signed_part(const Quote *quote);
/* The whole quote: the signed part, and the signature section from the pointers. Version 4 and 5 wrap it in type 6. */
GBytes *quote_build(const Quote *quote);
