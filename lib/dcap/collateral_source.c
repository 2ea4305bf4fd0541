#include "dcap/collateral_source.h"

#include "dcap/header.h"
#include "dcap/source_internal.h"
#include "dcap/verdict.h"

DcapCollateralSource *dcap_collateral_source_ref(DcapCollateralSource *source) {
  g_atomic_ref_count_inc(&source->refs);
  return source;
}

void dcap_collateral_source_unref(DcapCollateralSource *source) {
  if (source && g_atomic_ref_count_dec(&source->refs))
    source->ops->free(source);
}

DcapCollateral *dcap_collateral_source_get(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                           GError **error) {
  DcapFailure failure = DCAP_COLLATERAL_FETCH;
  return source->ops->get(source, quote, options, &failure, error);
}

gboolean dcap_verify_quote_from(DcapCollateralSource *source, const Quote *quote, const DcapOptions *options,
                                DcapVerdict *verdict, GError **error) {
  dcap_verdict_init(verdict);
  verdict->failure = DCAP_COLLATERAL_FETCH;
  g_autoptr(DcapCollateral) collateral = source->ops->get(source, quote, options, &verdict->failure, error);
  if (!collateral)
    return FALSE;
  dcap_verdict_clear(verdict);
  return dcap_verify(quote, collateral, options, verdict, error);
}

gboolean dcap_verify_from(DcapCollateralSource *source, GBytes *raw, const DcapOptions *options, DcapVerdict *verdict,
                          Quote **quote, GError **error) {
  g_autoptr(Quote) parsed = NULL;
  dcap_verdict_init(verdict);
  verdict->failure = dcap_quote_parse(raw, &parsed, error);
  if (quote)
    *quote = NULL;
  if (verdict->failure != DCAP_OK)
    return FALSE;
  dcap_verdict_clear(verdict);
  gboolean verified = dcap_verify_quote_from(source, parsed, options, verdict, error);
  if (quote)
    *quote = g_steal_pointer(&parsed);
  return verified;
}
