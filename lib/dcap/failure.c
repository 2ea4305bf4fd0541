#include "dcap/failure.h"

#include "base/error.h"

static const char *const failure_names[] = {
    [DCAP_OK] = "ok",
    [DCAP_PARSE_ERROR] = "parse error",
    [DCAP_UNSUPPORTED_VERSION] = "unsupported version",
    [DCAP_UNSUPPORTED_KEY_TYPE] = "unsupported key type",
    [DCAP_UNSUPPORTED_VENDOR] = "unsupported vendor",
    [DCAP_COLLATERAL_FETCH] = "collateral fetch",
    [DCAP_COLLATERAL_DECODE] = "collateral decode",
    [DCAP_ISSUED_IN_FUTURE] = "issue date in the future",
    [DCAP_EXPIRED] = "expired",
    [DCAP_CHAIN_INVALID] = "chain invalid",
    [DCAP_REVOKED] = "revoked",
    [DCAP_BAD_TCB_INFO_SIGNATURE] = "signature invalid: tcb info",
    [DCAP_BAD_QE_IDENTITY_SIGNATURE] = "signature invalid: qe identity",
    [DCAP_BAD_QE_REPORT_SIGNATURE] = "signature invalid: qe report",
    [DCAP_BAD_QUOTE_SIGNATURE] = "signature invalid: quote",
    [DCAP_QE_REPORT_DATA_MISMATCH] = "qe report data mismatch",
    [DCAP_QE_POLICY_MISMATCH] = "qe policy mismatch",
    [DCAP_FMSPC_MISMATCH] = "fmspc mismatch",
    [DCAP_WRONG_TCB_INFO_TYPE] = "wrong tcb info type",
    [DCAP_NO_MATCHING_TCB_LEVEL] = "no matching tcb level",
    [DCAP_MODULE_IDENTITY_MISMATCH] = "module identity mismatch",
    [DCAP_TCB_REVOKED] = "tcb revoked",
    [DCAP_DEBUG] = "debug",
    [DCAP_RESERVED_ATTRIBUTES] = "reserved",
    [DCAP_SEPT_VE] = "sept_ve",
    [DCAP_SERVICE_TD] = "service td",
    [DCAP_REFUSED_BY_POLICY] = "refused by policy",
};

const char *dcap_failure_name(DcapFailure failure) {
  g_return_val_if_fail((guint)failure < G_N_ELEMENTS(failure_names), "unknown failure");
  return failure_names[failure];
}

/* Malformed input is told apart from well-formed input that proves nothing, and from what could not be asked. */
static DstackErrorCode error_code(DcapFailure failure) {
  switch (failure) {
  case DCAP_PARSE_ERROR:
  case DCAP_UNSUPPORTED_VERSION:
  case DCAP_UNSUPPORTED_KEY_TYPE:
  case DCAP_UNSUPPORTED_VENDOR:
  case DCAP_COLLATERAL_DECODE:
    return DSTACK_ERROR_INVALID;
  case DCAP_COLLATERAL_FETCH:
    return DSTACK_ERROR_UNAVAILABLE;
  case DCAP_REFUSED_BY_POLICY:
    return DSTACK_ERROR_DENIED;
  default:
    return DSTACK_ERROR_UNVERIFIED;
  }
}

DcapFailure dcap_fail(GError **error, DcapFailure failure, const char *format, ...) {
  va_list args;
  va_start(args, format);
  g_autofree char *text = g_strdup_vprintf(format, args);
  va_end(args);
  g_set_error(error, DSTACK_ERROR, error_code(failure), "%s: %s", dcap_failure_name(failure), text);
  return failure;
}
