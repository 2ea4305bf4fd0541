#include "verification.h"

#include "base/error.h"
#include "base/hex.h"
#include "ratls/attestation.h"

#include <string.h>

void verification_clear(Verification *verification) {
  g_clear_pointer(&verification->evidence, verified_evidence_free);
  g_clear_pointer(&verification->os, image_expectation_unref);
  acpi_blobs_clear(&verification->acpi);
  g_free(verification->reason);
}

/* The quote may bind whatever its maker liked: the caller learns it and compares. */
static gboolean own_report_data(GBytes *raw, guint8 out[TDX_REPORT_DATA_SIZE], GError **error) {
  g_autoptr(Quote) quote = quote_parse(raw, error);
  if (!quote)
    return FALSE;
  if (quote->tee_type == TEE_TDX) {
    memcpy(out, quote->td.report_data, TDX_REPORT_DATA_SIZE);
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "not a tdx quote");
  return FALSE;
}

static VerifiedEvidence *verify_separate(const VerificationContext *context, const VerifyRequest *request,
                                         GBytes *quote, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  if (!own_report_data(quote, report_data, error))
    return NULL;
  return ratls_verify_evidence(context->verifier, quote, request->event_log, strlen(request->event_log), report_data,
                               error);
}

/* Quote and log in one piece, with the vm_config the guest was started with. */
static VerifiedEvidence *verify_versioned(const VerificationContext *context, GBytes *encoded, GError **error) {
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(encoded, error);
  return attestation ? ratls_verify_attestation(context->verifier, attestation, attestation->report_data, error) : NULL;
}

static GBytes *decode_hex(const char *text, const char *what, GError **error) {
  GBytes *bytes = hex_decode_prefixed(text, error);
  if (!bytes)
    g_prefix_error(error, "internal error: %s: ", what);
  return bytes;
}

static gboolean verify_quote(const VerificationContext *context, const VerifyRequest *request, Verification *out,
                             GError **error) {
  g_autoptr(GBytes) bytes = request->attestation ? decode_hex(request->attestation, "attestation", error)
                                                 : decode_hex(request->quote, "quote", error);
  if (!bytes)
    return FALSE;
  out->evidence =
      request->attestation ? verify_versioned(context, bytes, error) : verify_separate(context, request, bytes, error);
  if (!out->evidence)
    g_prefix_error(error, "quote verification failed: ");
  out->quote_verified = out->evidence != NULL;
  return out->quote_verified;
}

/* For those who ask why: the tables of the described machine, where they can be made. */
static void explain(const char *vm_config, Verification *out) {
  MeasureVm vm;
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  if (out->os && measure_vm_parse(vm_config, &vm, NULL, &has_hash, &storage, NULL))
    (void)measure_acpi(&vm, &out->acpi, NULL); /* else there is nothing to show */
}

gboolean verify_os_image(const VerificationContext *context, const char *vm_config, gboolean debug, Verification *out,
                         GError **error) {
  const ImageClaim claim = {
      .vm_config = vm_config, .quoted = &out->evidence->quote->td, .quoted_log = out->evidence->log, .afresh = debug};
  out->os_image_hash_verified = image_judge_claim(context->images, &claim, &out->os, error);
  if (out->os_image_hash_verified)
    return TRUE;
  g_prefix_error(error, "os image hash verification failed: ");
  if (debug)
    explain(vm_config, out);
  return FALSE;
}

/* RTMR3 was replayed and decoded with the quote; the log counts once the registers below it are those of a known image.
 */
static gboolean verify(const VerificationContext *context, const VerifyRequest *request, Verification *out,
                       GError **error) {
  if (!verify_quote(context, request, out, error))
    return FALSE;
  const char *vm_config = request->attestation ? out->evidence->config : request->vm_config;
  out->event_log_verified = verify_os_image(context, vm_config ? vm_config : "", request->debug, out, error);
  return out->event_log_verified;
}

void verify_request(const VerificationContext *context, const VerifyRequest *request, Verification *out) {
  g_autoptr(GError) error = NULL;
  out->is_valid = verify(context, request, out, &error);
  if (!out->is_valid)
    out->reason = g_strdup(error->message);
}
