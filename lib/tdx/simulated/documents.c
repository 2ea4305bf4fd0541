/* What Intel's provisioning service would say about the simulated platform (spec: attestation B.7 to B.9). */
#include "tdx/simulated/documents.h"

#include "base/hex.h"
#include "tdx/simulated/pki.h"

#include <string.h>

#define N_COMPONENTS 16
#define TCB_DATE "2024-03-13T00:00:00Z"
#define EVALUATION_NUMBER 17
#define ADVISORY "DSTACK-SIMULATED-SA-00001"
/* A level below the current one, at which things are out of date: policies can be tried by quoting lower numbers. */
static const guint8 old_tdx_svn[N_COMPONENTS] = {5, 0, 2};
static const guint8 old_cpu_svn[N_COMPONENTS] = {2, 2, 2, 2, 3, 1, 0, 2};
#define OLD_PCE_SVN 5
#define OLD_MODULE_SVN 5
#define OLD_QE_SVN 4

static void set_string(json_t *object, const char *key, const char *text) {
  json_object_set_new(object, key, json_string(text));
}

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  set_string(object, key, hex);
}

static void set_integer(json_t *object, const char *key, gint64 value) {
  json_object_set_new(object, key, json_integer(value));
}

static void set_dates(json_t *object) {
  set_string(object, "issueDate", SIMULATED_VALID_FROM_RFC3339);
  set_string(object, "nextUpdate", SIMULATED_VALID_UNTIL_RFC3339);
}

static json_t *components(const guint8 svn[N_COMPONENTS]) {
  json_t *list = json_array();
  for (guint i = 0; i < N_COMPONENTS; i++)
    json_array_append_new(list, json_pack("{s:i}", "svn", svn[i]));
  return list;
}

/* Takes `tcb`. */
static json_t *level(json_t *tcb, gboolean current) {
  json_t *object = json_object();
  json_object_set_new(object, "tcb", tcb);
  set_string(object, "tcbDate", TCB_DATE);
  set_string(object, "tcbStatus", current ? "UpToDate" : "OutOfDate");
  if (!current)
    json_object_set_new(object, "advisoryIDs", json_pack("[s]", ADVISORY));
  return object;
}

/* `tdx_svn` NULL: of an enclave's platform. */
static json_t *platform_level(const guint8 *cpu_svn, guint16 pce_svn, const guint8 *tdx_svn, gboolean current) {
  json_t *tcb = json_object();
  json_object_set_new(tcb, "sgxtcbcomponents", components(cpu_svn));
  set_integer(tcb, "pcesvn", pce_svn);
  if (tdx_svn)
    json_object_set_new(tcb, "tdxtcbcomponents", components(tdx_svn));
  return level(tcb, current);
}

static json_t *svn_levels(guint current_svn, guint old_svn) {
  json_t *levels = json_array();
  json_array_append_new(levels, level(json_pack("{s:i}", "isvsvn", current_svn), TRUE));
  json_array_append_new(levels, level(json_pack("{s:i}", "isvsvn", old_svn), FALSE));
  return levels;
}

static void set_module_identity(json_t *object) {
  static const guint8 zero[TDX_MR_SIZE], ones[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  set_hex(object, "mrsigner", zero, TDX_MR_SIZE);
  set_hex(object, "attributes", zero, sizeof ones);
  set_hex(object, "attributesMask", ones, sizeof ones);
}

static json_t *module_identities(void) {
  g_autofree char *id = g_strdup_printf("TDX_%02X", SIMULATED_TDX_MODULE_VERSION);
  json_t *identity = json_object();
  set_string(identity, "id", id);
  set_module_identity(identity);
  json_object_set_new(identity, "tcbLevels", svn_levels(simulated_tee_tcb_svn[0], OLD_MODULE_SVN));
  json_t *list = json_array();
  json_array_append_new(list, identity);
  return list;
}

/* The module's own numbers, 0 and 1, are judged by its identity. */
static json_t *platform_levels(TeeType tee) {
  guint8 tdx_svn[N_COMPONENTS];
  memcpy(tdx_svn, simulated_tee_tcb_svn, sizeof tdx_svn);
  tdx_svn[0] = OLD_MODULE_SVN;
  tdx_svn[1] = 0;
  gboolean is_td = tee == TEE_TDX;
  json_t *levels = json_array();
  json_array_append_new(levels, platform_level(simulated_cpu_svn, SIMULATED_PCE_SVN, is_td ? tdx_svn : NULL, TRUE));
  json_array_append_new(levels, platform_level(old_cpu_svn, OLD_PCE_SVN, is_td ? old_tdx_svn : NULL, FALSE));
  return levels;
}

json_t *simulated_tcb_info(const SimulatedPlatformInfo *platform, TeeType tee) {
  json_t *info = json_object();
  set_string(info, "id", tee == TEE_TDX ? "TDX" : "SGX");
  set_integer(info, "version", 3);
  set_dates(info);
  set_hex(info, "fmspc", platform->fmspc, sizeof platform->fmspc);
  set_hex(info, "pceId", platform->pce_id, sizeof platform->pce_id);
  set_integer(info, "tcbType", 0);
  set_integer(info, "tcbEvaluationDataNumber", EVALUATION_NUMBER);
  if (tee == TEE_TDX) {
    json_t *module = json_object();
    set_module_identity(module);
    json_object_set_new(info, "tdxModule", module);
    json_object_set_new(info, "tdxModuleIdentities", module_identities());
  }
  json_object_set_new(info, "tcbLevels", platform_levels(tee));
  return info;
}

json_t *simulated_qe_identity(TeeType tee) {
  json_t *identity = json_object();
  set_string(identity, "id", tee == TEE_TDX ? "TD_QE" : "QE");
  set_integer(identity, "version", 2);
  set_dates(identity);
  set_integer(identity, "tcbEvaluationDataNumber", EVALUATION_NUMBER);
  set_string(identity, "miscselect", "00000000");
  set_string(identity, "miscselectMask", "ffffffff");
  set_string(identity, "attributes", "11000000000000000000000000000000");
  set_string(identity, "attributesMask", "fbffffffffffffff0000000000000000");
  set_hex(identity, "mrsigner", simulated_qe_mr_signer, sizeof simulated_qe_mr_signer);
  set_integer(identity, "isvprodid", SIMULATED_QE_PROD_ID);
  json_object_set_new(identity, "tcbLevels", svn_levels(SIMULATED_QE_SVN, OLD_QE_SVN));
  return identity;
}
