#include "dcap/collateral.h"

#include "base/error.h"
#include "base/json.h"

#include <string.h>

#define WHAT "collateral"

static DcapCrl *get_crl(const json_t *json, const char *key, GError **error) {
  g_autoptr(GBytes) der = json_get_hex(json, key, WHAT, error);
  if (!der)
    return NULL;
  DcapCrl *crl = dcap_crl_parse(der, error);
  if (!crl)
    g_prefix_error(error, WHAT ".%s: ", key);
  return crl;
}

typedef struct {
  const char *name, *text_key, *signature_key, *chain_key;
} DocumentKeys;

static DcapSignedJson *get_document(const json_t *json, const DocumentKeys *keys, DcapCertCache *cache,
                                    GError **error) {
  guint8 signature[64];
  const char *text = json_get_string(json, keys->text_key, WHAT, error);
  const char *chain = text ? json_get_string(json, keys->chain_key, WHAT, error) : NULL;
  if (!chain || !dcap_json_get_fixed_hex(json, keys->signature_key, signature, sizeof signature, WHAT, error))
    return NULL;
  return dcap_signed_json_new(keys->name, text, chain, signature, cache);
}

static gboolean parse(const json_t *json, DcapCollateral *out, GError **error) {
  static const DocumentKeys tcb_keys = {"tcb info", "tcb_info", "tcb_info_signature", "tcb_info_issuer_chain"};
  static const DocumentKeys qe_keys = {"qe identity", "qe_identity", "qe_identity_signature",
                                       "qe_identity_issuer_chain"};
  const char *pck_chain;
  if (!json_require_object(json, WHAT, error) || !(out->crls[DCAP_ROOT_CRL] = get_crl(json, "root_ca_crl", error)) ||
      !(out->crls[DCAP_PCK_CRL] = get_crl(json, "pck_crl", error)) ||
      !(out->tcb_document = get_document(json, &tcb_keys, out->certs, error)) ||
      !(out->qe_document = get_document(json, &qe_keys, out->certs, error)) ||
      /* Required by the format; the key that signs the PCK list is that of the PCK certificate's own issuer. */
      !json_get_string(json, "pck_crl_issuer_chain", WHAT, error) ||
      !json_get_string_or(json, "pck_certificate_chain", NULL, &pck_chain, WHAT, error))
    return FALSE;
  out->pck_chain = g_strdup(pck_chain);
  if (out->tcb_document->json)
    out->tcb_info = dcap_tcb_info_decode(out->tcb_document->json, &out->tcb_info_error);
  if (out->qe_document->json)
    out->qe_identity = dcap_qe_identity_decode(out->qe_document->json, &out->qe_identity_error);
  return TRUE;
}

DcapCollateral *dcap_collateral_parse(const char *text, gsize len, GError **error) {
  g_autoptr(DcapCollateral) collateral = g_new0(DcapCollateral, 1);
  g_atomic_ref_count_init(&collateral->refs);
  collateral->certs = dcap_cert_cache_new();
  g_autoptr(json_t) json = NULL;
  if (len > DCAP_COLLATERAL_MAX_SIZE)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, WHAT ": more than %d bytes", DCAP_COLLATERAL_MAX_SIZE);
  else
    json = json_parse_bounded(text, len, DCAP_JSON_MAX_DEPTH, WHAT, error);
  if (json && parse(json, collateral, error))
    return g_steal_pointer(&collateral);
  g_prefix_error(error, "%s: ", dcap_failure_name(DCAP_COLLATERAL_DECODE));
  return NULL;
}

DcapCollateral *dcap_collateral_ref(DcapCollateral *collateral) {
  g_atomic_ref_count_inc(&collateral->refs);
  return collateral;
}

/* Documents are valid through their last second, lists until theirs begins. */
gboolean dcap_collateral_window(const DcapCollateral *collateral, gint64 *from, gint64 *until) {
  const DcapSignedJson *documents[] = {collateral->tcb_document, collateral->qe_document};
  *from = G_MININT64;
  *until = G_MAXINT64;
  for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
    if (!documents[i]->json || !documents[i]->chain)
      return FALSE;
    *from = MAX(*from, documents[i]->issued);
    *until = MIN(*until, documents[i]->next_update);
  }
  for (guint i = 0; i < DCAP_N_CRLS; i++) {
    *from = MAX(*from, collateral->crls[i]->this_update);
    *until = MIN(*until, collateral->crls[i]->next_update - 1);
  }
  return *from <= *until;
}

void dcap_collateral_unref(DcapCollateral *collateral) {
  if (!collateral || !g_atomic_ref_count_dec(&collateral->refs))
    return;
  for (guint i = 0; i < DCAP_N_CRLS; i++)
    dcap_crl_free(collateral->crls[i]);
  dcap_signed_json_free(collateral->tcb_document);
  dcap_signed_json_free(collateral->qe_document);
  dcap_tcb_info_free(collateral->tcb_info);
  dcap_qe_identity_free(collateral->qe_identity);
  g_clear_error(&collateral->tcb_info_error);
  g_clear_error(&collateral->qe_identity_error);
  g_free(collateral->pck_chain);
  dcap_cert_cache_free(collateral->certs);
  g_free(collateral);
}
