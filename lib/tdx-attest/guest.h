/* The guest's interfaces of lib/tdx, with the outcome as a number. Inside lib/tdx-attest only. */
#pragma once

#include "tdx-attest/tdx_attest.h"

tdx_attest_error_t guest_get_quote(const uint8_t report_data[64], uint8_t **quote, uint32_t *quote_size);
tdx_attest_error_t guest_get_report(const uint8_t report_data[64], uint8_t report[1024]);
tdx_attest_error_t guest_extend(unsigned index, const uint8_t digest[48]);
