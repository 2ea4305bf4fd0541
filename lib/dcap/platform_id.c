#include "dcap/platform_id.h"

#include "base/reader.h"

#include <string.h>

enum { CERT_TYPE_PPID_RSA_2048 = 2, CERT_TYPE_PPID_RSA_3072 = 3 };

static gboolean issuer_contains(const DcapCert *cert, const char *word) {
  return memmem(cert->issuer, cert->issuer_len, word, strlen(word)) != NULL;
}

DcapPlatformId dcap_platform_id(const Quote *quote, const DcapPck *pck, const DcapCert *leaf) {
  DcapPlatformId id = {.tee = quote->tee_type, .authority = "processor"};
  memcpy(id.fmspc, pck->fmspc, sizeof id.fmspc);
  if (!issuer_contains(leaf, "Processor") && issuer_contains(leaf, "Platform"))
    id.authority = "platform";
  return id;
}

gboolean dcap_pck_request(const Quote *quote, DcapPckRequest *out) {
  if (quote->cert_type != CERT_TYPE_PPID_RSA_2048 && quote->cert_type != CERT_TYPE_PPID_RSA_3072)
    return FALSE;
  Reader reader = reader_init(quote->cert_data, quote->cert_len);
  memcpy(out->qe_id, quote->user_data, sizeof out->qe_id);
  out->encrypted_ppid_len = quote->cert_type == CERT_TYPE_PPID_RSA_2048 ? 256 : 384;
  out->encrypted_ppid = reader_take(&reader, out->encrypted_ppid_len);
  reader_copy(&reader, out->cpu_svn, sizeof out->cpu_svn);
  reader_copy(&reader, out->pce_svn, sizeof out->pce_svn);
  reader_copy(&reader, out->pce_id, sizeof out->pce_id);
  return reader_ok(&reader) && reader_remaining(&reader) == 0;
}
