/* Measurement documents of all kinds; what could be read must come out the same when written and read again. */
#include "measure/document.h"
#include "measure/snp.h"

#include <stdlib.h>

#define MAX_SIZE (64 * 1024)

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void check_tdx(const TdxDocument *document) {
  g_autoptr(GBytes) printed = tdx_document_print(document, NULL);
  if (!printed)
    return;
  g_autoptr(TdxDocument) back = tdx_document_parse(printed, NULL);
  g_autoptr(GBytes) again = back ? tdx_document_print(back, NULL) : NULL;
  if (!again || !g_bytes_equal(printed, again))
    abort(); /* a document that was written can not be read */
  json_decref(tdx_document_describe(document, NULL));
}

static void check_snp(const SnpDocument *document) {
  guint8 digest[48];
  guint64 pages = 0;
  for (guint i = 0; i < document->firmware.n_sections; i++)
    pages += document->firmware.sections[i].size / 4096;
  if (pages < 1024) /* more is only slow */
    (void)snp_launch_digest(document, &(SnpMachine){2, "epyc-v4", 1}, digest, NULL);
  json_decref(snp_document_describe(document));
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size > MAX_SIZE)
    return 0;
  g_autoptr(GBytes) bytes = g_bytes_new(data, size);
  guint8 hash[32];
  g_autoptr(TdxDocument) tdx = tdx_document_parse(bytes, NULL);
  g_autoptr(SnpDocument) snp = snp_document_parse(bytes, NULL);
  (void)gcp_document_parse(bytes, hash, NULL);
  (void)aws_document_parse(bytes, hash, NULL);
  if (tdx)
    check_tdx(tdx);
  if (snp)
    check_snp(snp);
  return 0;
}
