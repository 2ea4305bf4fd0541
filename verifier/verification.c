#include "verification.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

void verification_clear(Verification *verification) {
  g_clear_pointer(&verification->evidence, verified_evidence_free);
  g_clear_pointer(&verification->os, os_expectation_unref);
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

static gboolean verify_quote(const VerificationContext *context, const VerifyRequest *request, GBytes *quote,
                             Verification *out, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  if (own_report_data(quote, report_data, error))
    out->evidence = ratls_verify_evidence(context->verifier, quote, request->event_log, strlen(request->event_log),
                                          report_data, error);
  if (!out->evidence)
    g_prefix_error(error, "quote verification failed: ");
  out->quote_verified = out->evidence != NULL;
  return out->quote_verified;
}

static gboolean verify_os_image(const VerificationContext *context, const VerifyRequest *request, Verification *out,
                                GError **error) {
  out->os = os_images_expect(context->images, request->vm_config, error);
  out->os_image_hash_verified = out->os && os_expectation_check(out->os, &out->evidence->quote->td, error);
  if (!out->os_image_hash_verified)
    g_prefix_error(error, "os image hash verification failed: ");
  return out->os_image_hash_verified;
}

static gboolean verify(const VerificationContext *context, const VerifyRequest *request, Verification *out,
                       GError **error) {
  if (request->attestation) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED,
                "internal error: versioned attestation is not implemented yet");
    return FALSE;
  }
  g_autoptr(GBytes) quote = hex_decode_prefixed(request->quote, error);
  if (!quote) {
    g_prefix_error(error, "internal error: quote: ");
    return FALSE;
  }
  if (!verify_quote(context, request, quote, out, error) || !verify_os_image(context, request, out, error))
    return FALSE;
  /* The log was replayed and decoded with the quote; it counts once the registers below it are those of a known image.
   */
  out->event_log_verified = TRUE;
  return TRUE;
}

void verify_request(const VerificationContext *context, const VerifyRequest *request, Verification *out) {
  g_autoptr(GError) error = NULL;
  out->is_valid = verify(context, request, out, &error);
  if (!out->is_valid)
    out->reason = g_strdup(error->message);
}
