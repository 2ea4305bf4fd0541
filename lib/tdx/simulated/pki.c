#include "tdx/simulated/pki.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

#define SEED_SIZE 32
#define KEY_DOMAIN "dstack-mock-p256-v1"
#define ID_DOMAIN "dstack-mock-id-v1"
#define MAX_TRIES 16 /* each fails with a chance of 2^-32 */

const guint8 simulated_cpu_svn[16] = {4, 4, 2, 2, 4, 1, 0, 5};
const guint8 simulated_tee_tcb_svn[16] = {7, SIMULATED_TDX_MODULE_VERSION, 3};
/* "dstack simulated quoting enclave": 32 characters */
const guint8 simulated_qe_mr_signer[32] = {'d', 's', 't', 'a', 'c', 'k', ' ', 's', 'i', 'm', 'u',
                                           'l', 'a', 't', 'e', 'd', ' ', 'q', 'u', 'o', 't', 'i',
                                           'n', 'g', ' ', 'e', 'n', 'c', 'l', 'a', 'v', 'e'};

static void derive(const char *domain, const Secret *seed, const char *label, guint32 counter,
                   guint8 out[SHA256_SIZE]) {
  g_autoptr(Secret) preimage = secret_new_zero(strlen(domain) + SEED_SIZE + strlen(label) + sizeof counter);
  guint8 *at = secret_data(preimage);
  const guint32 counter_be = GUINT32_TO_BE(counter);
  at = (guint8 *)mempcpy(at, domain, strlen(domain));
  at = (guint8 *)mempcpy(at, secret_peek(seed), SEED_SIZE);
  at = (guint8 *)mempcpy(at, label, strlen(label));
  memcpy(at, &counter_be, sizeof counter_be);
  digest_sha256(secret_peek(preimage), secret_len(preimage), out);
}

static EVP_PKEY *derive_key(const Secret *seed, const char *label) {
  for (guint32 counter = 0; counter < MAX_TRIES; counter++) {
    g_autoptr(Secret) scalar = secret_new_zero(SHA256_SIZE);
    derive(KEY_DOMAIN, seed, label, counter, secret_data(scalar));
    EVP_PKEY *key = p256_from_scalar(scalar, NULL);
    if (key)
      return key;
  }
  g_assert_not_reached();
}

static void derive_id(const Secret *seed, const char *label, guint8 *out, gsize len) {
  guint8 digest[SHA256_SIZE];
  derive(ID_DOMAIN, seed, label, 0, digest);
  memcpy(out, digest, len);
}

/* The names contain Intel's, so that readers who look for "Platform" or "SGX PCK Certificate" find them. */
static void name_and_key(SimulatedPki *pki, const Secret *seed) {
  pki->root = (SimulatedName){"Simulated SGX Root CA", derive_key(seed, "tdx-root")};
  pki->platform_ca = (SimulatedName){"Simulated SGX PCK Platform CA", derive_key(seed, "tdx-pck-ca")};
  pki->pck = (SimulatedName){"Simulated SGX PCK Certificate", derive_key(seed, "tdx-pck")};
  pki->tcb_signing = (SimulatedName){"Simulated SGX TCB Signing", derive_key(seed, "tdx-tcb")};
  pki->attestation_key = derive_key(seed, "tdx-qe");
}

static void describe_platform(SimulatedPki *pki, const Secret *seed) {
  static const guint8 fmspc[6] = {0xd5, 0x7a, 0xc0, 0x00, 0x00, 0x00};
  memcpy(pki->platform.fmspc, fmspc, sizeof fmspc);
  memcpy(pki->platform.cpu_svn, simulated_cpu_svn, sizeof simulated_cpu_svn);
  pki->platform.pce_svn = SIMULATED_PCE_SVN;
  derive_id(seed, "ppid", pki->platform.ppid, sizeof pki->platform.ppid);
  derive_id(seed, "platform-instance", pki->platform.instance_id, sizeof pki->platform.instance_id);
  derive_id(seed, "qe-id", pki->qe_id, sizeof pki->qe_id);
}

static char *issue(const SimulatedName *subject, const SimulatedName *issuer, int ca_path_len) {
  return simulated_certificate_pem(&(SimulatedCertSpec){.subject = *subject,
                                                        .issuer = *issuer,
                                                        .ca_path_len = ca_path_len,
                                                        .not_before = SIMULATED_VALID_FROM,
                                                        .not_after = SIMULATED_VALID_UNTIL});
}

static void issue_certificates(SimulatedPki *pki) {
  pki->root_pem = issue(&pki->root, &pki->root, 1);
  pki->platform_ca_pem = issue(&pki->platform_ca, &pki->root, 0);
  pki->tcb_signing_pem = issue(&pki->tcb_signing, &pki->root, -1);
}

SimulatedPki *simulated_pki_new(const Secret *seed, GError **error) {
  if (secret_len(seed) != SEED_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "seed of the simulated tee must be %d bytes", SEED_SIZE);
    return NULL;
  }
  g_autoptr(SimulatedPki) pki = g_atomic_rc_box_new0(SimulatedPki);
  name_and_key(pki, seed);
  describe_platform(pki, seed);
  issue_certificates(pki);
  return g_steal_pointer(&pki);
}

SimulatedPki *simulated_pki_ref(SimulatedPki *pki) { return g_atomic_rc_box_acquire(pki); }

static void pki_clear(SimulatedPki *pki) {
  simulated_healthy_free(pki->healthy);
  EVP_PKEY *keys[] = {pki->root.key, pki->platform_ca.key, pki->pck.key, pki->tcb_signing.key, pki->attestation_key};
  for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
    EVP_PKEY_free(keys[i]);
  char *texts[] = {pki->root_pem, pki->platform_ca_pem, pki->tcb_signing_pem};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
}

void simulated_pki_free(SimulatedPki *pki) {
  if (pki)
    g_atomic_rc_box_release_full(pki, (GDestroyNotify)pki_clear);
}

char *simulated_pki_root_pem(SimulatedPki *pki) { return g_strdup(pki->root_pem); }
