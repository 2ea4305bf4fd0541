#include "report_fields.h"

#include "base/hex.h"

typedef struct {
  const char *name;
  gsize size;
} Field;

static const Field td_fields[] = {
    {"tee_tcb_svn", 16},     {"mr_seam", 48},       {"mr_signer_seam", 48},
    {"seam_attributes", 8},  {"td_attributes", 8},  {"xfam", 8},
    {"mr_td", 48},           {"mr_config_id", 48},  {"mr_owner", 48},
    {"mr_owner_config", 48}, {"rt_mr0", 48},        {"rt_mr1", 48},
    {"rt_mr2", 48},          {"rt_mr3", 48},        {"report_data", 64},
    {"tee_tcb_svn2", 16},    {"mr_service_td", 48}, /* the last two of TD 1.5 only */
};

static const Field sgx_fields[] = {
    {"cpu_svn", 16},    {"misc_select", 4}, {"reserved1", 28}, {"attributes", 16},
    {"mr_enclave", 32}, {"reserved2", 32},  {"mr_signer", 32}, {"reserved3", 96},
    {"isv_prod_id", 2}, {"isv_svn", 2},     {"reserved4", 60}, {"report_data", 64},
};

#define HEADER_SIZE 48
#define HEADER_SIZE_V5 54 /* with the body's type and size */

json_t *report_fields(const Quote *quote) {
  gboolean is_td = quote->tee_type == TEE_TDX;
  const Field *fields = is_td ? td_fields : sgx_fields;
  gsize n_fields = is_td ? G_N_ELEMENTS(td_fields) : G_N_ELEMENTS(sgx_fields);
  gsize at = quote->version == 5 ? HEADER_SIZE_V5 : HEADER_SIZE;
  json_t *object = json_object();
  for (gsize i = 0; i < n_fields && at + fields[i].size <= quote->signed_len; i++) {
    g_autofree char *hex = hex_encode(quote->signed_data + at, fields[i].size);
    json_object_set_new(object, fields[i].name, json_string(hex));
    at += fields[i].size;
  }
  return object;
}
