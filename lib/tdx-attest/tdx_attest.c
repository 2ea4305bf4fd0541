/* Only what the numbers of this interface ask for; the work is done in lib/tdx. */
#include "tdx-attest/tdx_attest.h"

#include "tdx-attest/guest.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_VERSION 1
#define LAST_RTMR 3

static const tdx_uuid_t key_id = {TDX_SGX_ECDSA_ATTESTATION_ID};
static const tdx_report_data_t no_data;

static tdx_attest_error_t check_key_ids(const tdx_uuid_t *list, uint32_t size) {
  if ((list == NULL) != (size == 0))
    return TDX_ATTEST_ERROR_INVALID_PARAMETER;
  for (uint32_t i = 0; i < size; i++)
    if (memcmp(&list[i], &key_id, sizeof key_id) == 0)
      return TDX_ATTEST_SUCCESS;
  return size == 0 ? TDX_ATTEST_SUCCESS : TDX_ATTEST_ERROR_UNSUPPORTED_ATT_KEY_ID;
}

tdx_attest_error_t tdx_att_get_quote(const tdx_report_data_t *report_data, const tdx_uuid_t att_key_id_list[],
                                     uint32_t list_size, tdx_uuid_t *att_key_id, uint8_t **quote, uint32_t *quote_size,
                                     uint32_t flags) {
  if (!quote || !quote_size || flags != 0)
    return TDX_ATTEST_ERROR_INVALID_PARAMETER;
  *quote = NULL;
  *quote_size = 0;
  tdx_attest_error_t status = check_key_ids(att_key_id_list, list_size);
  if (status == TDX_ATTEST_SUCCESS)
    status = guest_get_quote((report_data ? report_data : &no_data)->d, quote, quote_size);
  if (status == TDX_ATTEST_SUCCESS && att_key_id)
    *att_key_id = key_id;
  return status;
}

tdx_attest_error_t tdx_att_free_quote(uint8_t *quote) {
  free(quote);
  return TDX_ATTEST_SUCCESS;
}

tdx_attest_error_t tdx_att_get_report(const tdx_report_data_t *report_data, tdx_report_t *report) {
  if (!report)
    return TDX_ATTEST_ERROR_INVALID_PARAMETER;
  return guest_get_report((report_data ? report_data : &no_data)->d, report->d);
}

tdx_attest_error_t tdx_att_extend(const tdx_rtmr_event_t *event) {
  if (!event || event->version != EVENT_VERSION || event->event_data_size != 0 || event->rtmr_index > LAST_RTMR)
    return TDX_ATTEST_ERROR_INVALID_PARAMETER;
  return guest_extend((unsigned)event->rtmr_index, event->extend_data);
}

tdx_attest_error_t tdx_att_get_supported_att_key_ids(tdx_uuid_t list[], uint32_t *list_size) {
  if (!list_size || (list && *list_size == 0))
    return TDX_ATTEST_ERROR_INVALID_PARAMETER;
  if (list)
    list[0] = key_id;
  *list_size = 1;
  return TDX_ATTEST_SUCCESS;
}
