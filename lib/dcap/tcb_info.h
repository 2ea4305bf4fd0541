/* TCB info: the security levels Intel knows of a platform model, and which of them a quote reaches (B.7, B.9). */
#pragma once

#include "dcap/dcap.h"
#include "dcap/pck.h"
#include "tdx/quote.h"

#include <glib.h>
#include <jansson.h>

#define DCAP_N_COMPONENTS 16
#define DCAP_MAX_TCB_LEVELS 1024
#define DCAP_MAX_MODULE_IDENTITIES 256
#define DCAP_MAX_ADVISORIES 1024

typedef struct {
  guint8 sgx[DCAP_N_COMPONENTS], tdx[DCAP_N_COMPONENTS];
  guint16 pce_svn;
  TcbStatus status;
  GPtrArray *advisory_ids; /* char* */
} DcapTcbLevel;

/* A level of something with a single version number: quoting enclave or TDX module. */
typedef struct {
  guint16 isv_svn;
  TcbStatus status;
  GPtrArray *advisory_ids;
} DcapIsvLevel;

typedef struct {
  guint8 mr_signer[48], attributes[8];
} DcapModuleSigner;

typedef struct {
  char *id;
  DcapModuleSigner signer;
  GPtrArray *levels; /* DcapIsvLevel*, in JSON order */
} DcapModuleIdentity;

typedef struct {
  char *id; /* "SGX", "TDX" */
  guint64 version;
  guint32 evaluation; /* tcbEvaluationDataNumber; 0 when absent */
  guint8 fmspc[6], pce_id[2];
  GPtrArray *levels;            /* DcapTcbLevel*, highest first */
  DcapModuleSigner module;      /* TDX only, as the next */
  GPtrArray *module_identities; /* DcapModuleIdentity* */
} DcapTcbInfo;

/* Error INVALID: a member used here is missing or of another type or size, or an unknown status. */
DcapTcbInfo *dcap_tcb_info_decode(const json_t *json, GError **error);
void dcap_tcb_info_free(DcapTcbInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(DcapTcbInfo, dcap_tcb_info_free)

/* Is it about this kind of TEE? */
DcapFailure dcap_tcb_info_check_type(const DcapTcbInfo *info, TeeType tee, GError **error);
/* The first level that platform and TDX module reach in every component; `td` is NULL for SGX. */
DcapFailure dcap_tcb_info_match(const DcapTcbInfo *info, const DcapPck *pck, const TdReport *td,
                                const DcapTcbLevel **out, GError **error);
/* The TDX module against its identity. *out is NULL when the module's version has no levels of its own. */
DcapFailure dcap_tcb_info_match_module(const DcapTcbInfo *info, const TdReport *td, const DcapIsvLevel **out,
                                       GError **error);

/* Levels of the form {tcb:{isvsvn}, tcbStatus, advisoryIDs?} in JSON order; statuses UpToDate, OutOfDate, Revoked only.
 */
GPtrArray *dcap_isv_levels_decode(const json_t *owner, const char *what, GError **error);
/* The member tcbEvaluationDataNumber; 0 when absent. */
gboolean dcap_evaluation_decode(const json_t *owner, guint32 *out, const char *what, GError **error);
/* The first that `isv_svn` reaches, or NULL. */
const DcapIsvLevel *dcap_isv_levels_match(const GPtrArray *levels, guint16 isv_svn);
