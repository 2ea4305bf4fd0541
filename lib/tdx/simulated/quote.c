/* The simulated quoting enclave. */
#include "tdx/simulated/pki.h"

#include "crypto/digest.h"
#include "tdx/simulated/ecdsa.h"

#include <string.h>

#define QE_REPORT_SIZE 384
#define QE_AUTH_SIZE 32

static const guint8 intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static const char module_name[] = "dstack simulated tdx module", enclave_name[] = "dstack simulated tdx quoting enclave";

void simulated_report_init(TdReport *report) {
  static const guint8 sept_ve_disable[8] = {0, 0, 0, 0x10};
  static const guint8 xfam[8] = {0xe7, 0x02, 0x06};
  memset(report, 0, sizeof *report);
  memcpy(report->tee_tcb_svn, simulated_tee_tcb_svn, sizeof report->tee_tcb_svn);
  memcpy(report->td_attributes, sept_ve_disable, sizeof sept_ve_disable);
  memcpy(report->xfam, xfam, sizeof xfam);
  digest_sha384(module_name, strlen(module_name), report->mr_seam);
}

static void qe_report(const SimulatedPki *pki, const guint8 attestation_key[64], const guint8 auth[QE_AUTH_SIZE],
                      guint8 out[QE_REPORT_SIZE]) {
  static const guint8 attributes[16] = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7};
  guint8 bound[64 + QE_AUTH_SIZE];
  memcpy(bound, attestation_key, 64);
  memcpy(bound + 64, auth, QE_AUTH_SIZE);
  memset(out, 0, QE_REPORT_SIZE);
  memcpy(out, pki->platform.cpu_svn, 16);
  memcpy(out + 48, attributes, sizeof attributes);
  digest_sha256(enclave_name, strlen(enclave_name), out + 64);
  memcpy(out + 128, simulated_qe_mr_signer, sizeof simulated_qe_mr_signer);
  out[256] = SIMULATED_QE_PROD_ID;
  out[258] = SIMULATED_QE_SVN;
  digest_sha256(bound, sizeof bound, out + 320);
}

GBytes *simulated_quote(SimulatedPki *pki, const TdReport *report, GError **error) {
  (void)error; /* nothing here can fail; a real quoting enclave can, and callers are written for it */
  guint8 user_data[20] = {0}, point[65], auth[QE_AUTH_SIZE], report_bytes[QE_REPORT_SIZE];
  memcpy(user_data, pki->qe_id, sizeof pki->qe_id);
  for (guint8 i = 0; i < QE_AUTH_SIZE; i++)
    auth[i] = i; /* as Intel's enclave fills it */
  p256_point(pki->attestation_key, point);
  qe_report(pki, point + 1, auth, report_bytes);
  g_autoptr(GBytes) body = quote_build_v4_body(report, intel_vendor_id, user_data);
  guint8 signature[64], qe_signature[64];
  simulated_sign_raw(pki->attestation_key, g_bytes_get_data(body, NULL), g_bytes_get_size(body), signature);
  simulated_sign_raw(pki->pck.key, report_bytes, sizeof report_bytes, qe_signature);
  g_autofree char *chain = g_strconcat(pki->pck_pem, pki->platform_ca_pem, pki->root_pem, NULL);
  return quote_build_v4(body, signature, point + 1, report_bytes, qe_signature, auth, sizeof auth, chain);
}
