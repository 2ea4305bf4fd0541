/* QE identity: what the quoting enclave must be (B.8). */
#pragma once

#include "dcap/dcap.h"
#include "dcap/tcb_info.h"
#include "tdx/quote.h"

#include <glib.h>
#include <jansson.h>

typedef struct {
  char *id; /* "QE", "TD_QE" */
  guint64 version;
  guint32 evaluation; /* tcbEvaluationDataNumber; 0 when absent */
  guint32 misc_select, misc_select_mask;
  guint8 attributes[16], attributes_mask[16];
  guint8 mr_signer[32];
  guint16 isv_prod_id;
  GPtrArray *levels; /* DcapIsvLevel* */
} DcapQeIdentity;

/* Error INVALID: a member used here is missing or of another type or size, or an unknown status. */
DcapQeIdentity *dcap_qe_identity_decode(const json_t *json, GError **error);
void dcap_qe_identity_free(DcapQeIdentity *identity);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapQeIdentity, dcap_qe_identity_free)

DcapFailure dcap_qe_identity_check_type(const DcapQeIdentity *identity, TeeType tee, GError **error);
/* Judges the report of a quoting enclave. */
DcapFailure dcap_qe_identity_match(const DcapQeIdentity *identity, const SgxReport *qe, const DcapIsvLevel **out,
                                   GError **error);
