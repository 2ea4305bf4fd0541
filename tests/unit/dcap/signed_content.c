#include "signed_content.h"

#include "dcap/collateral.h"

#include <string.h>

#define CERT_TYPE_PCK_CHAIN 5

static void put(GByteArray *out, const void *data, gsize len) {
  const guint64 size = len;
  g_byte_array_append(out, (const guint8 *)&size, sizeof size);
  g_byte_array_append(out, data, (guint)len);
}

/* Without the root, which may stand at the end or not: it is the verifier's own that counts. */
static void put_chain(GByteArray *out, const GPtrArray *chain) {
  for (guint i = 0; i < chain->len; i++) {
    const DcapCert *cert = chain->pdata[i];
    if (cert->subject_len != cert->issuer_len || memcmp(cert->subject, cert->issuer, cert->subject_len) != 0)
      put(out, g_bytes_get_data(cert->der, NULL), g_bytes_get_size(cert->der));
  }
}

GBytes *signed_content_of_quote(const Quote *quote) {
  GByteArray *out = g_byte_array_new();
  put(out, quote->signed_data, quote->signed_len);
  put(out, quote->attestation_key, 64);
  put(out, quote->qe_report, 384);
  put(out, quote->qe_auth_data, quote->qe_auth_len);
  g_assert_cmpuint(quote->cert_type, ==, CERT_TYPE_PCK_CHAIN);
  g_autoptr(GPtrArray) chain = dcap_chain_parse((const char *)quote->cert_data, quote->cert_len, NULL, NULL);
  put_chain(out, chain);
  return g_byte_array_free_to_bytes(out);
}

GBytes *signed_content_of_collateral(const DcapCollateral *collateral) {
  GByteArray *out = g_byte_array_new();
  const DcapSignedJson *documents[] = {collateral->tcb_document, collateral->qe_document};
  for (guint i = 0; i < G_N_ELEMENTS(documents); i++) {
    put(out, documents[i]->text, documents[i]->len);
    put_chain(out, documents[i]->chain);
  }
  for (guint i = 0; i < DCAP_N_CRLS; i++) {
    guint8 *der = NULL;
    int len = i2d_X509_CRL(collateral->crls[i]->list, &der);
    put(out, der, (gsize)len);
    OPENSSL_free(der);
  }
  return g_byte_array_free_to_bytes(out);
}
