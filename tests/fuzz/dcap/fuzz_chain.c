/* Certificates and revocation lists as quotes and services carry them: PEM, DER, extensions. What begins like DER is
 * taken for a list, all else for a chain. */
#include "dcap/chain.h"
#include "dcap/distribution_point.h"
#include "dcap/pck.h"

#include <stddef.h>
#include <stdint.h>

#define NOW 1795000000
#define DER_SEQUENCE_TAG 0x30

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_list(const uint8_t *data, size_t size) {
  g_autoptr(GBytes) der = g_bytes_new(data, size);
  g_autoptr(DcapCrl) list = dcap_crl_parse(der, NULL);
  DcapCert *root = dcap_intel_root_cert();
  if (list) /* nobody but Intel has its key */
    g_assert_cmpint(dcap_crls_check((DcapCrl *[]){list}, 1, root, root, NOW, NULL), !=, DCAP_OK);
}

static void try_chain(const uint8_t *data, size_t size) {
  g_autoptr(GPtrArray) chain = dcap_chain_parse((const char *)data, size, NULL, NULL);
  for (guint i = 0; chain && i < chain->len; i++) {
    const DcapCert *cert = chain->pdata[i];
    DcapPck pck;
    dcap_pck_from_cert(cert->x509, &pck, NULL);
    g_free(dcap_distribution_point(cert->x509));
  }
  const DcapTrust trust = {.root = dcap_intel_root_cert(), .intel_names = TRUE, .now = NOW};
  if (chain)
    g_assert_cmpint(dcap_chain_verify(chain, &trust, "SGX", NULL), !=, DCAP_OK); /* there is no list */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size > 0 && data[0] == DER_SEQUENCE_TAG)
    try_list(data, size);
  else
    try_chain(data, size);
  return 0;
}
