/* Firmware files: metadata for TDX and for SEV, and what is computed from them. The input is the end of a file of whole
 * pages, where both kinds of metadata are found. */
#include "measure/snp.h"
#include "measure/tdvf.h"

#include <stdlib.h>
#include <string.h>

#define MAX_SIZE (64 * 1024)
#define PAGE 4096

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void measure(const Tdvf *tdvf) {
  guint8 digest[48];
  TdHobLayout layout;
  guint64 pages = 0;
  for (guint i = 0; i < tdvf->n_sections; i++)
    pages += tdvf->sections[i].size / PAGE;
  if (pages < 256) { /* more is only slow */
    tdvf_mrtd(tdvf, FALSE, digest);
    tdvf_mrtd(tdvf, TRUE, digest);
  }
  (void)tdvf_cfv_digest(tdvf, digest, NULL);
  if (!tdvf_td_hob_layout(tdvf, &layout, NULL))
    return;
  g_autoptr(GByteArray) hob = td_hob_build(&layout, G_GUINT64_CONSTANT(4) << 30);
  g_autoptr(GByteArray) witness = td_hob_witness(&layout, NULL);
  TdHobLayout back;
  if (witness && !td_hob_read_witness(witness->data, witness->len, &back, NULL))
    abort(); /* what was written can not be read */
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size == 0 || size > MAX_SIZE)
    return 0;
  gsize whole = (size + PAGE - 1) / PAGE * PAGE;
  guint8 *file = g_malloc0(whole);
  memcpy(file + whole - size, data, size);
  g_autoptr(GBytes) firmware = g_bytes_new_take(file, whole);
  g_autoptr(Tdvf) tdvf = tdvf_parse(firmware, NULL);
  if (tdvf)
    measure(tdvf);
  SnpFirmware snp;
  (void)snp_firmware_parse(firmware, &snp, NULL);
  return 0;
}
