/* DCAP quote verification (spec: attestation B): is this quote from a genuine, healthy TEE?
 *
 * Pure computation: no network, no clock, no file. The caller passes the collateral, the root, the time. */
#pragma once

#include "tdx/quote.h"

#include <glib.h>
#include <openssl/x509.h>

/* What failed first, in the order of B.5; the strings of B.13. */
typedef enum {
  DCAP_OK,
  DCAP_PARSE_ERROR,
  DCAP_UNSUPPORTED_VERSION,
  DCAP_UNSUPPORTED_KEY_TYPE,
  DCAP_UNSUPPORTED_VENDOR,
  DCAP_COLLATERAL_FETCH,
  DCAP_COLLATERAL_DECODE,
  DCAP_ISSUED_IN_FUTURE,
  DCAP_EXPIRED,
  DCAP_CHAIN_INVALID,
  DCAP_REVOKED,
  DCAP_BAD_TCB_INFO_SIGNATURE,
  DCAP_BAD_QE_IDENTITY_SIGNATURE,
  DCAP_BAD_QE_REPORT_SIGNATURE,
  DCAP_BAD_QUOTE_SIGNATURE,
  DCAP_QE_REPORT_DATA_MISMATCH,
  DCAP_QE_POLICY_MISMATCH,
  DCAP_FMSPC_MISMATCH,
  DCAP_WRONG_TCB_INFO_TYPE,
  DCAP_NO_MATCHING_TCB_LEVEL,
  DCAP_MODULE_IDENTITY_MISMATCH,
  DCAP_TCB_REVOKED,
  DCAP_DEBUG,
  DCAP_RESERVED_ATTRIBUTES,
  DCAP_SEPT_VE,
  DCAP_SERVICE_TD,
  DCAP_REFUSED_BY_POLICY, /* genuine, but not of a state the caller accepts; no class of B.13 */
} DcapFailure;
/* The class as machines read it: the strings of B.13, and "refused by policy". */
const char *dcap_failure_name(DcapFailure failure);

typedef enum {
  TCB_UP_TO_DATE,
  TCB_SW_HARDENING_NEEDED,
  TCB_CONFIGURATION_NEEDED,
  TCB_CONFIGURATION_AND_SW_HARDENING_NEEDED,
  TCB_OUT_OF_DATE,
  TCB_OUT_OF_DATE_CONFIGURATION_NEEDED,
  TCB_REVOKED,
} TcbStatus;
/* Intel's spelling, such as "UpToDate". */
const char *tcb_status_name(TcbStatus status);

/* The eight parts of B.1, parsed once and reusable for many quotes. */
typedef struct DcapCollateral DcapCollateral;
/* Error INVALID or TOO_LARGE; the text begins with "collateral decode". The object may be shared between threads: what
 * it remembers about signatures and certificates is guarded. */
DcapCollateral *dcap_collateral_parse(const char *json, gsize len, GError **error);
DcapCollateral *dcap_collateral_ref(DcapCollateral *collateral);
void dcap_collateral_unref(DcapCollateral *collateral);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapCollateral, dcap_collateral_unref)
/* The first and the last second (Unix) at which none of its parts is too young or too old, by what they say themselves.
 * FALSE: one of them can't be read, and nothing verifies with it. */
gboolean dcap_collateral_window(const DcapCollateral *collateral, gint64 *from, gint64 *until);

/* What a caller accepts of a platform that is genuine. A debuggable or revoked one can't be accepted. */
typedef struct {
  guint accepted_statuses; /* TCB_STATUS_BIT() of each */
  guint32
      min_tcb_evaluation_data; /* tcbEvaluationDataNumber below which TCB info and QE identity are too old; 0: any */
} DcapPolicy;
#define TCB_STATUS_BIT(status) (1u << (status))
#define DCAP_POLICY_STRICT ((DcapPolicy){.accepted_statuses = TCB_STATUS_BIT(TCB_UP_TO_DATE)})

typedef struct {
  X509 *root;               /* trust anchor; NULL: the compiled-in Intel SGX Root CA */
  gint64 now;               /* Unix seconds */
  const DcapPolicy *policy; /* NULL: the caller judges the verdict's status itself */
} DcapOptions;

typedef struct {
  DcapFailure failure; /* DCAP_OK when verified */
  TcbStatus status;    /* merged */
  TcbStatus platform_status, module_status, qe_status;
  gboolean has_module_status; /* SGX, and TDX modules without an identity of their own, have none */
  GPtrArray *advisory_ids;    /* char*, in order of first appearance */
  guint8 ppid[16], fmspc[6];
  guint32 tcb_evaluation_data; /* the lower number of TCB info and QE identity */
  gboolean external_root;      /* verified under a root that is not Intel's */
} DcapVerdict;
void dcap_verdict_clear(DcapVerdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DcapVerdict, dcap_verdict_clear)

/* TRUE only when every check of B.5 passed and the policy accepts; without a policy the status is any but TCB_REVOKED.
 * FALSE sets verdict->failure and an error whose text begins with the failure's name: INVALID for malformed input,
 * DENIED for the policy, else UNVERIFIED. The verdict then claims nothing, but for DCAP_REFUSED_BY_POLICY, where it is
 * complete.
 */
gboolean dcap_verify(const Quote *quote, const DcapCollateral *collateral, const DcapOptions *options,
                     DcapVerdict *verdict, GError **error);
/* The same on bytes: parsing is one of the steps, so that a quote that is no quote has a verdict as well. *quote (may
 * be NULL) gets the parsed quote, verified or not; NULL when parsing was not reached or failed. */
gboolean dcap_verify_bytes(GBytes *raw, const DcapCollateral *collateral, const DcapOptions *options,
                           DcapVerdict *verdict, Quote **quote, GError **error);
/* Intel's root as compiled in. Borrowed. */
X509 *dcap_intel_root(void);
