#include "dcap/attributes.h"

#include "base/reader.h"
#include "dcap/failure.h"

/* TD attributes as a little-endian number. */
#define TD_DEBUG_GROUP G_GUINT64_CONSTANT(0xff)
/* 8-27 undefined, 29 MIGRATABLE, 32-63 undefined and PERFMON. What remains allowed: 28 SEPT_VE_DISABLE (required), 30
 * PKS, 31 KL. */
#define TD_RESERVED G_GUINT64_CONSTANT(0xffffffff2fffff00)
#define TD_SEPT_VE_DISABLE (G_GUINT64_CONSTANT(1) << 28)
#define SGX_ATTRIBUTE_DEBUG 0x02

static gboolean is_zero(const guint8 *bytes, gsize len) {
  for (gsize i = 0; i < len; i++) {
    if (bytes[i] != 0)
      return FALSE;
  }
  return TRUE;
}

static DcapFailure check_td(const TdReport *td, GError **error) {
  Reader reader = reader_init(td->td_attributes, sizeof td->td_attributes);
  guint64 attributes = reader_u64le(&reader);
  if (attributes & TD_DEBUG_GROUP)
    return dcap_fail(error, DCAP_DEBUG, "the td can be debugged or profiled");
  if (attributes & TD_RESERVED)
    return dcap_fail(error, DCAP_RESERVED_ATTRIBUTES, "the td has attributes that are not allowed");
  if (!(attributes & TD_SEPT_VE_DISABLE))
    return dcap_fail(error, DCAP_SEPT_VE, "the td does not disable ept violation exceptions");
  if (!is_zero(td->mr_service_td, sizeof td->mr_service_td))
    return dcap_fail(error, DCAP_SERVICE_TD, "a service td is bound");
  return DCAP_OK;
}

DcapFailure dcap_check_attributes(const Quote *quote, GError **error) {
  if (quote->tee_type == TEE_TDX)
    return check_td(&quote->td, error);
  if (quote->sgx.attributes[0] & SGX_ATTRIBUTE_DEBUG)
    return dcap_fail(error, DCAP_DEBUG, "the enclave can be debugged");
  return DCAP_OK;
}
