#include "dcap/tcb_info.h"

#include "base/error.h"
#include "base/json.h"
#include "dcap/failure.h"
#include "dcap/levels.h"
#include "dcap/signed_json.h"

#include <string.h>

#define WHAT "tcb info"
#define TDX_MIN_VERSION 3
#define SGX_MIN_VERSION 2

static void level_free(gpointer data) {
  DcapTcbLevel *level = data;
  g_clear_pointer(&level->advisory_ids, g_ptr_array_unref);
  g_free(level);
}

static gboolean decode_components(const json_t *tcb, const char *key, guint8 out[DCAP_N_COMPONENTS], GError **error) {
  const json_t *array = dcap_json_get_array(tcb, key, DCAP_N_COMPONENTS, WHAT, error);
  if (!array)
    return FALSE;
  if (json_array_size(array) != DCAP_N_COMPONENTS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, WHAT ".%s: expected %d components", key, DCAP_N_COMPONENTS);
    return FALSE;
  }
  for (guint i = 0; i < DCAP_N_COMPONENTS; i++) {
    guint64 svn;
    if (!json_get_uint(json_array_get(array, i), "svn", G_MAXUINT8, &svn, key, error))
      return FALSE;
    out[i] = (guint8)svn;
  }
  return TRUE;
}

static gboolean decode_level(const json_t *json, gboolean is_tdx, DcapTcbLevel *level, GError **error) {
  const json_t *tcb = json_object_get(json, "tcb");
  guint64 pce_svn;
  if (!decode_components(tcb, "sgxtcbcomponents", level->sgx, error) ||
      (is_tdx && !decode_components(tcb, "tdxtcbcomponents", level->tdx, error)) ||
      !json_get_uint(tcb, "pcesvn", G_MAXUINT16, &pce_svn, WHAT, error))
    return FALSE;
  level->pce_svn = (guint16)pce_svn;
  return dcap_level_decode_status(json, &level->status, &level->advisory_ids, WHAT, error);
}

/* Highest first; equal ones keep their order (g_ptr_array_sort is stable). */
static int compare_levels(gconstpointer a, gconstpointer b) {
  const DcapTcbLevel *x = *(DcapTcbLevel *const *)a, *y = *(DcapTcbLevel *const *)b;
  int order = memcmp(y->sgx, x->sgx, sizeof x->sgx);
  if (order == 0)
    order = (int)y->pce_svn - (int)x->pce_svn;
  return order != 0 ? order : memcmp(y->tdx, x->tdx, sizeof x->tdx);
}

static gboolean decode_levels(const json_t *json, DcapTcbInfo *info, gboolean is_tdx, GError **error) {
  const json_t *array = dcap_json_get_array(json, "tcbLevels", DCAP_MAX_TCB_LEVELS, WHAT, error);
  if (!array)
    return FALSE;
  info->levels = g_ptr_array_new_with_free_func(level_free);
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item) {
    DcapTcbLevel *level = g_new0(DcapTcbLevel, 1);
    g_ptr_array_add(info->levels, level);
    if (!decode_level(item, is_tdx, level, error))
      return FALSE;
  }
  g_ptr_array_sort(info->levels, compare_levels);
  return TRUE;
}

/* The mask is required by the format, but no attribute may be expected to be set: nothing is left for it to hide. */
static gboolean decode_signer(const json_t *json, DcapModuleSigner *out, const char *what, GError **error) {
  guint8 mask[8];
  return dcap_json_get_fixed_hex(json, "mrsigner", out->mr_signer, sizeof out->mr_signer, what, error) &&
         dcap_json_get_fixed_hex(json, "attributes", out->attributes, sizeof out->attributes, what, error) &&
         dcap_json_get_fixed_hex(json, "attributesMask", mask, sizeof mask, what, error);
}

static void module_identity_free(gpointer data) {
  DcapModuleIdentity *identity = data;
  g_free(identity->id);
  g_clear_pointer(&identity->levels, g_ptr_array_unref);
  g_free(identity);
}

static gboolean decode_module_identity(const json_t *json, DcapModuleIdentity *out, GError **error) {
  static const char what[] = WHAT ".tdxModuleIdentities";
  out->id = g_strdup(json_get_string(json, "id", what, error));
  if (!out->id || !decode_signer(json, &out->signer, what, error))
    return FALSE;
  out->levels = dcap_isv_levels_decode(json, what, error);
  return out->levels != NULL;
}

static gboolean decode_module(const json_t *json, DcapTcbInfo *info, GError **error) {
  if (!decode_signer(json_object_get(json, "tdxModule"), &info->module, WHAT ".tdxModule", error))
    return FALSE;
  info->module_identities = g_ptr_array_new_with_free_func(module_identity_free);
  if (!json_object_get(json, "tdxModuleIdentities"))
    return TRUE;
  const json_t *array = dcap_json_get_array(json, "tdxModuleIdentities", DCAP_MAX_MODULE_IDENTITIES, WHAT, error);
  if (!array)
    return FALSE;
  size_t i;
  json_t *item;
  json_array_foreach(array, i, item) {
    DcapModuleIdentity *identity = g_new0(DcapModuleIdentity, 1);
    g_ptr_array_add(info->module_identities, identity);
    if (!decode_module_identity(item, identity, error))
      return FALSE;
  }
  return TRUE;
}

DcapTcbInfo *dcap_tcb_info_decode(const json_t *json, GError **error) {
  g_autoptr(DcapTcbInfo) info = g_new0(DcapTcbInfo, 1);
  info->id = g_strdup(json_get_string(json, "id", WHAT, error));
  if (!info->id || !json_get_uint(json, "version", G_MAXUINT16, &info->version, WHAT, error) ||
      !dcap_evaluation_decode(json, &info->evaluation, WHAT, error) ||
      !dcap_json_get_fixed_hex(json, "fmspc", info->fmspc, sizeof info->fmspc, WHAT, error) ||
      !dcap_json_get_fixed_hex(json, "pceId", info->pce_id, sizeof info->pce_id, WHAT, error))
    return NULL;
  gboolean is_tdx = g_str_equal(info->id, "TDX");
  if (!decode_levels(json, info, is_tdx, error) || (is_tdx && !decode_module(json, info, error)))
    return NULL;
  return g_steal_pointer(&info);
}

void dcap_tcb_info_free(DcapTcbInfo *info) {
  if (!info)
    return;
  g_free(info->id);
  g_clear_pointer(&info->levels, g_ptr_array_unref);
  g_clear_pointer(&info->module_identities, g_ptr_array_unref);
  g_free(info);
}

DcapFailure dcap_tcb_info_check_type(const DcapTcbInfo *info, TeeType tee, GError **error) {
  const char *expected = tee == TEE_TDX ? "TDX" : "SGX";
  guint64 min_version = tee == TEE_TDX ? TDX_MIN_VERSION : SGX_MIN_VERSION;
  if (g_str_equal(info->id, expected) && info->version >= min_version)
    return DCAP_OK;
  return dcap_fail(error, DCAP_WRONG_TCB_INFO_TYPE, "'%s' version %" G_GUINT64_FORMAT ", the quote needs '%s'",
                   info->id, info->version, expected);
}

static gboolean reaches(const guint8 actual[DCAP_N_COMPONENTS], const guint8 level[DCAP_N_COMPONENTS]) {
  for (guint i = 0; i < DCAP_N_COMPONENTS; i++) {
    if (actual[i] < level[i])
      return FALSE;
  }
  return TRUE;
}

DcapFailure dcap_tcb_info_match(const DcapTcbInfo *info, const DcapPck *pck, const TdReport *td,
                                const DcapTcbLevel **out, GError **error) {
  for (guint i = 0; i < info->levels->len; i++) {
    const DcapTcbLevel *level = info->levels->pdata[i];
    if (pck->pce_svn >= level->pce_svn && reaches(pck->cpu_svn, level->sgx) &&
        (!td || reaches(td->tee_tcb_svn, level->tdx))) {
      *out = level;
      return DCAP_OK;
    }
  }
  return dcap_fail(error, DCAP_NO_MATCHING_TCB_LEVEL, "the platform is below all %u levels", info->levels->len);
}

static const DcapModuleIdentity *find_identity(const DcapTcbInfo *info, guint8 version) {
  g_autofree char *id = g_strdup_printf("TDX_%02X", version);
  for (guint i = 0; i < info->module_identities->len; i++) {
    const DcapModuleIdentity *identity = info->module_identities->pdata[i];
    if (g_ascii_strcasecmp(identity->id, id) == 0)
      return identity;
  }
  return NULL;
}

static gboolean signer_matches(const DcapModuleSigner *signer, const TdReport *td) {
  static const guint8 zero[sizeof td->seam_attributes];
  return memcmp(td->mr_signer_seam, signer->mr_signer, sizeof signer->mr_signer) == 0 &&
         memcmp(td->seam_attributes, zero, sizeof zero) == 0 && memcmp(signer->attributes, zero, sizeof zero) == 0;
}

DcapFailure dcap_tcb_info_match_module(const DcapTcbInfo *info, const TdReport *td, const DcapIsvLevel **out,
                                       GError **error) {
  guint8 isv_svn = td->tee_tcb_svn[0], version = td->tee_tcb_svn[1];
  const DcapModuleIdentity *identity = version > 0 ? find_identity(info, version) : NULL;
  *out = NULL;
  if (version > 0 && !identity)
    return dcap_fail(error, DCAP_MODULE_IDENTITY_MISMATCH, "tdx module version %u is not known", version);
  if (!signer_matches(identity ? &identity->signer : &info->module, td))
    return dcap_fail(error, DCAP_MODULE_IDENTITY_MISMATCH, "signer or attributes of the tdx module differ");
  if (!identity)
    return DCAP_OK;
  *out = dcap_isv_levels_match(identity->levels, isv_svn);
  if (!*out)
    return dcap_fail(error, DCAP_NO_MATCHING_TCB_LEVEL, "the tdx module is below all its levels");
  return DCAP_OK;
}
