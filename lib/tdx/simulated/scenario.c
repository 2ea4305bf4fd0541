#include "tdx/simulated/scenario.h"

#include "crypto/digest.h"
#include "crypto/x509.h"
#include "tdx/simulated/documents.h"
#include "tdx/simulated/ecdsa.h"
#include "tdx/simulated/pki.h"

#include <string.h>

#define QE_REPORT_SIZE 384
#define QE_AUTH_SIZE 32
#define KEY_TYPE_ECDSA_P256 2
#define ENCRYPTED_PPID_SIZE 384
enum { CERT_TYPE_ENCRYPTED_PPID = 3, CERT_TYPE_PCK_CHAIN = 5 };

static const guint8 intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};
static const guint8 enclave_attributes[16] = {0x15, 0, 0, 0, 0, 0, 0, 0, 0xe7};
static const char enclave_name[] = "dstack simulated tdx quoting enclave";

static void init_quote(SimulatedScenario *scenario, guint version) {
  Quote *quote = &scenario->quote;
  quote->version = (guint16)version;
  quote->attestation_key_type = KEY_TYPE_ECDSA_P256;
  quote->tee_type = version == 3 ? TEE_SGX : TEE_TDX;
  quote->cert_type = CERT_TYPE_PCK_CHAIN;
  memcpy(quote->qe_vendor_id, intel_vendor_id, sizeof intel_vendor_id);
  memcpy(quote->user_data, scenario->pki->qe_id, sizeof scenario->pki->qe_id);
  simulated_report_init(&quote->td);
  if (version == 5) {
    quote->td.is_td15 = TRUE;
    memcpy(quote->td.tee_tcb_svn2, quote->td.tee_tcb_svn, sizeof quote->td.tee_tcb_svn2);
  }
  memcpy(quote->sgx.cpu_svn, simulated_cpu_svn, sizeof quote->sgx.cpu_svn);
  memcpy(quote->sgx.attributes, enclave_attributes, sizeof enclave_attributes);
}

static void init_quoting_enclave(SgxReport *qe) {
  memcpy(qe->cpu_svn, simulated_cpu_svn, sizeof qe->cpu_svn);
  memcpy(qe->attributes, enclave_attributes, sizeof enclave_attributes);
  digest_sha256(enclave_name, strlen(enclave_name), qe->mr_enclave);
  memcpy(qe->mr_signer, simulated_qe_mr_signer, sizeof qe->mr_signer);
  qe->isv_prod_id = SIMULATED_QE_PROD_ID;
  qe->isv_svn = SIMULATED_QE_SVN;
}

SimulatedScenario *simulated_scenario_new(SimulatedPki *pki, guint version) {
  SimulatedScenario *scenario = g_new0(SimulatedScenario, 1);
  scenario->pki = simulated_pki_ref(pki);
  init_quote(scenario, version);
  init_quoting_enclave(&scenario->qe);
  scenario->platform = pki->platform;
  scenario->pck_not_before = scenario->crl_this_update = SIMULATED_VALID_FROM;
  scenario->pck_not_after = scenario->crl_next_update = SIMULATED_VALID_UNTIL;
  scenario->tcb_info = simulated_tcb_info(&pki->platform, scenario->quote.tee_type);
  scenario->qe_identity = simulated_qe_identity(scenario->quote.tee_type);
  return scenario;
}

void simulated_scenario_free(SimulatedScenario *scenario) {
  if (!scenario)
    return;
  simulated_pki_free(scenario->pki);
  json_decref(scenario->tcb_info);
  json_decref(scenario->qe_identity);
  g_free(scenario);
}

char *simulated_scenario_pck_chain(const SimulatedScenario *scenario) {
  const SimulatedPki *pki = scenario->pki;
  g_autoptr(GBytes) extension = simulated_pck_extension(&scenario->platform);
  g_autofree char *leaf = simulated_certificate_pem(&(SimulatedCertSpec){.subject = pki->pck,
                                                                         .issuer = pki->platform_ca,
                                                                         .ca_path_len = -1,
                                                                         .pck_extension = extension,
                                                                         .not_before = scenario->pck_not_before,
                                                                         .not_after = scenario->pck_not_after});
  return g_strconcat(leaf, pki->platform_ca_pem, pki->root_pem, NULL);
}

/* What stands in place of the certificate in quotes that only name it; nobody decrypts the simulated one. */
static GBytes *certificate_request(const SimulatedPlatformInfo *platform) {
  g_autoptr(GByteArray) out = g_byte_array_new();
  guint8 encrypted[ENCRYPTED_PPID_SIZE] = {0};
  memcpy(encrypted, platform->ppid, sizeof platform->ppid);
  const guint16 pce_svn = GUINT16_TO_LE(platform->pce_svn);
  g_byte_array_append(out, encrypted, sizeof encrypted);
  g_byte_array_append(out, platform->cpu_svn, sizeof platform->cpu_svn);
  g_byte_array_append(out, (const guint8 *)&pce_svn, sizeof pce_svn);
  g_byte_array_append(out, platform->pce_id, sizeof platform->pce_id);
  return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}

static GBytes *certification_data(const SimulatedScenario *scenario) {
  if (scenario->quote.cert_type == CERT_TYPE_ENCRYPTED_PPID)
    return certificate_request(&scenario->platform);
  char *chain = simulated_scenario_pck_chain(scenario);
  return g_bytes_new_take(chain, strlen(chain) + 1); /* the terminating NUL belongs to it */
}

SimulatedFrame *simulated_scenario_frame(const SimulatedScenario *scenario) {
  const SimulatedPki *pki = scenario->pki;
  SimulatedFrame *frame = g_new0(SimulatedFrame, 1);
  guint8 bound[64 + QE_AUTH_SIZE];
  p256_point(pki->attestation_key, frame->point);
  for (guint8 i = 0; i < QE_AUTH_SIZE; i++)
    frame->auth[i] = i; /* as Intel's enclave fills it */
  memcpy(bound, frame->point + 1, 64);
  memcpy(bound + 64, frame->auth, QE_AUTH_SIZE);
  SgxReport qe = scenario->qe;
  digest_sha256(bound, sizeof bound, qe.report_data);
  sgx_report_build(&qe, frame->qe_report);
  simulated_sign_raw(pki->pck.key, frame->qe_report, QE_REPORT_SIZE, frame->qe_signature);
  frame->certification = certification_data(scenario);
  return frame;
}

void simulated_frame_free(SimulatedFrame *frame) {
  if (!frame)
    return;
  g_bytes_unref(frame->certification);
  g_free(frame);
}

GBytes *simulated_frame_quote(const SimulatedFrame *frame, const Quote *content, EVP_PKEY *attestation_key) {
  guint8 signature[64];
  g_autoptr(GBytes) signed_part = quote_build_signed_part(content);
  simulated_sign_raw(attestation_key, g_bytes_get_data(signed_part, NULL), g_bytes_get_size(signed_part), signature);
  Quote quote = *content;
  quote.signature = signature;
  quote.attestation_key = frame->point + 1;
  quote.qe_report = frame->qe_report;
  quote.qe_report_signature = frame->qe_signature;
  quote.qe_auth_data = frame->auth;
  quote.qe_auth_len = QE_AUTH_SIZE;
  quote.cert_data = g_bytes_get_data(frame->certification, &quote.cert_len);
  return quote_build(&quote);
}

GBytes *simulated_scenario_quote(const SimulatedScenario *scenario) {
  g_autoptr(SimulatedFrame) frame = simulated_scenario_frame(scenario);
  return simulated_frame_quote(frame, &scenario->quote, scenario->pki->attestation_key);
}
