/* Collateral in the JSON form of spec attestation B.1, signed by the simulated PKI. */
#include "tdx/simulated/scenario.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "tdx/simulated/ecdsa.h"
#include "tdx/simulated/pki.h"

#include <string.h>

static void set_string(json_t *object, const char *key, const char *text) {
  json_object_set_new(object, key, json_string(text));
}

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  set_string(object, key, hex);
}

/* The text itself is what is signed; whoever parses it must keep it. */
static void set_signed(json_t *object, const char *key, const json_t *document, EVP_PKEY *signer) {
  guint8 signature[64];
  g_autofree char *text = json_print(document);
  simulated_sign_raw(signer, text, strlen(text), signature);
  g_autofree char *signature_key = g_strdup_printf("%s_signature", key);
  set_string(object, key, text);
  set_hex(object, signature_key, signature, sizeof signature);
}

static void set_crl(json_t *object, const char *key, const SimulatedCrlSpec *spec) {
  g_autoptr(GBytes) crl = simulated_crl(spec);
  set_hex(object, key, g_bytes_get_data(crl, NULL), g_bytes_get_size(crl));
}

static void set_crls(json_t *object, const SimulatedScenario *scenario) {
  const SimulatedPki *pki = scenario->pki;
  SimulatedCrlSpec root = {pki->root, scenario->crl_this_update, scenario->crl_next_update, {0}};
  SimulatedCrlSpec platform = {pki->platform_ca, scenario->crl_this_update, scenario->crl_next_update, {0}};
  guint n = 0;
  if (scenario->revoked & SIMULATED_REVOKE_ROOT)
    root.revoked[n++] = pki->root.key;
  if (scenario->revoked & SIMULATED_REVOKE_PLATFORM_CA)
    root.revoked[n++] = pki->platform_ca.key;
  if (scenario->revoked & SIMULATED_REVOKE_TCB_SIGNING)
    root.revoked[n++] = pki->tcb_signing.key;
  if (scenario->revoked & SIMULATED_REVOKE_PCK)
    platform.revoked[0] = pki->pck.key;
  set_crl(object, "root_ca_crl", &root);
  set_crl(object, "pck_crl", &platform);
}

char *simulated_scenario_collateral(const SimulatedScenario *scenario) {
  const SimulatedPki *pki = scenario->pki;
  g_autofree char *pck_crl_chain = g_strconcat(pki->platform_ca_pem, pki->root_pem, NULL);
  g_autofree char *signer_chain = g_strconcat(pki->tcb_signing_pem, pki->root_pem, NULL);
  EVP_PKEY *signer = pki->tcb_signing.key;
  g_autoptr(json_t) object = json_object();
  set_string(object, "pck_crl_issuer_chain", pck_crl_chain);
  set_crls(object, scenario);
  set_string(object, "tcb_info_issuer_chain", signer_chain);
  set_signed(object, "tcb_info", scenario->tcb_info, signer);
  set_string(object, "qe_identity_issuer_chain", signer_chain);
  set_signed(object, "qe_identity", scenario->qe_identity, signer);
  return json_print(object);
}

char *simulated_pki_collateral(SimulatedPki *pki, gint64 now, GError **error) {
  if (now < SIMULATED_VALID_FROM || now >= SIMULATED_VALID_UNTIL) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "simulated collateral is for the years 2020 to 2099 only");
    return NULL;
  }
  g_autoptr(SimulatedScenario) healthy = simulated_scenario_new(pki, 4);
  return simulated_scenario_collateral(healthy);
}
