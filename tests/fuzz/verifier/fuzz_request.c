/* The body of POST /verify, and what its texts are parsed as before anything is verified. */
#include "base/hex.h"
#include "measure/measure.h"
#include "ratls/attestation.h"
#include "tdx/event_log.h"
#include "verifier/request.h"

#include <string.h>

#define MAX_SIZE (256 * 1024)

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);

static void parse_vm_config(const char *text) {
  MeasureVm vm;
  guint8 hash[32];
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  (void)measure_vm_parse(text, &vm, hash, &has_hash, &storage, NULL);
}

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size > MAX_SIZE)
    return 0;
  g_auto(VerifyRequest) request = {0};
  if (verify_request_parse((const char *)data, size, &request, NULL) != REQUEST_OK)
    return 0;
  g_autoptr(GBytes) attestation = request.attestation ? hex_decode_prefixed(request.attestation, NULL) : NULL;
  g_autoptr(GBytes) raw = request.quote ? hex_decode_prefixed(request.quote, NULL) : NULL;
  g_autoptr(RatlsAttestation) decoded = attestation ? ratls_attestation_decode(attestation, NULL) : NULL;
  g_autoptr(Quote) quote = raw ? quote_parse(raw, NULL) : NULL;
  g_autoptr(TdxEventLog) log =
      request.event_log ? tdx_event_log_parse(request.event_log, strlen(request.event_log), NULL) : NULL;
  if (request.vm_config)
    parse_vm_config(request.vm_config);
  return 0;
}
