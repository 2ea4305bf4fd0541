#include "dcap/usable.h"

#include "dcap/collateral.h"

/* Failures of a quote that passed its precheck for which the collateral is to blame. */
static gboolean is_fault_of(const DcapCollateral *collateral, const Quote *quote, DcapFailure failure) {
  switch (failure) {
  case DCAP_COLLATERAL_DECODE:
  case DCAP_ISSUED_IN_FUTURE:
  case DCAP_EXPIRED:
  case DCAP_CHAIN_INVALID:
  case DCAP_BAD_TCB_INFO_SIGNATURE:
  case DCAP_BAD_QE_IDENTITY_SIGNATURE:
  case DCAP_WRONG_TCB_INFO_TYPE:
  case DCAP_FMSPC_MISMATCH:
    return TRUE;
  case DCAP_QE_POLICY_MISMATCH: /* of another kind of enclave altogether? */
    return dcap_qe_identity_check_type(collateral->qe_identity, quote->tee_type, NULL) != DCAP_OK;
  default:
    return FALSE;
  }
}

gboolean dcap_collateral_usable(const DcapCollateral *collateral, const Quote *quote, const DcapOptions *options,
                                DcapFailure *failure, GError **error) {
  const DcapOptions without_policy = {.root = options->root, .now = options->now};
  g_auto(DcapVerdict) verdict = {0};
  g_autoptr(GError) why = NULL;
  if (dcap_verify(quote, collateral, &without_policy, &verdict, &why) ||
      !is_fault_of(collateral, quote, verdict.failure))
    return TRUE;
  *failure = verdict.failure;
  g_propagate_error(error, g_steal_pointer(&why));
  return FALSE;
}
