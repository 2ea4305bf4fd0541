#include "dcap/header.h"

#include "base/reader.h"
#include "dcap/failure.h"

#include <string.h>

#define KEY_TYPE_ECDSA_P256 2
#define HEADER_SIZE 48

static const guint8 intel_vendor_id[16] = {0x93, 0x9a, 0x72, 0x33, 0xf7, 0x9c, 0x4c, 0xa9,
                                           0x94, 0x0a, 0x0d, 0xb3, 0x95, 0x7f, 0x06, 0x07};

static gboolean is_supported(guint version, guint32 tee) {
  return (tee == TEE_SGX && version == 3) || (tee == TEE_TDX && (version == 4 || version == 5));
}

static DcapFailure check(guint version, guint key_type, guint32 tee, const guint8 vendor[16], GError **error) {
  if (!is_supported(version, tee))
    return dcap_fail(error, DCAP_UNSUPPORTED_VERSION, "quote version %u for tee type 0x%x", version, tee);
  if (key_type != KEY_TYPE_ECDSA_P256)
    return dcap_fail(error, DCAP_UNSUPPORTED_KEY_TYPE, "attestation key type %u", key_type);
  if (memcmp(vendor, intel_vendor_id, sizeof intel_vendor_id) != 0)
    return dcap_fail(error, DCAP_UNSUPPORTED_VENDOR, "the quoting enclave is not Intel's");
  return DCAP_OK;
}

DcapFailure dcap_header_check(const Quote *quote, GError **error) {
  return check(quote->version, quote->attestation_key_type, quote->tee_type, quote->qe_vendor_id, error);
}

/* Looks at the fields the parser would refuse without a class of its own. */
static DcapFailure check_raw(GBytes *raw, GError **error) {
  Reader reader = reader_init_bytes(raw);
  if (reader_remaining(&reader) < HEADER_SIZE)
    return dcap_fail(error, DCAP_PARSE_ERROR, "quote: shorter than its header");
  guint version = reader_u16le(&reader), key_type = reader_u16le(&reader);
  guint32 tee = reader_u32le(&reader);
  reader_skip(&reader, 4);
  return check(version, key_type, tee, reader_take(&reader, sizeof intel_vendor_id), error);
}

DcapFailure dcap_quote_parse(GBytes *raw, Quote **out, GError **error) {
  *out = NULL;
  DcapFailure failure = check_raw(raw, error);
  if (failure != DCAP_OK)
    return failure;
  /* Its errors begin with the class already. */
  *out = quote_parse(raw, error);
  return *out ? DCAP_OK : DCAP_PARSE_ERROR;
}
