#include "tdx-attest/guest.h"

#include "base/error.h"
#include "tdx/guest_device.h"
#include "tdx/kernel_paths.h"
#include "tdx/quote_source.h"
#include "tdx/registers.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEVICE "/dev/tdx_guest"

static gboolean is_code(const GError *error, int code) { return g_error_matches(error, DSTACK_ERROR, code); }

/* What went wrong where no report was to be had. */
static tdx_attest_error_t device_failure(const GError *error, tdx_attest_error_t otherwise) {
  if (is_code(error, DSTACK_ERROR_TIMEOUT))
    return TDX_ATTEST_ERROR_BUSY;
  return access(DEVICE, R_OK | W_OK) == 0 ? otherwise : TDX_ATTEST_ERROR_DEVICE_FAILURE;
}

static tdx_attest_error_t quote_failure(QuoteStep step, const GError *error) {
  if (step == QUOTE_STEP_REPORT)
    return device_failure(error, TDX_ATTEST_ERROR_REPORT_FAILURE);
  if (step == QUOTE_STEP_VSOCK)
    return is_code(error, DSTACK_ERROR_IO) || is_code(error, DSTACK_ERROR_TIMEOUT) ? TDX_ATTEST_ERROR_VSOCK_FAILURE
                                                                                   : TDX_ATTEST_ERROR_QUOTE_FAILURE;
  if (is_code(error, DSTACK_ERROR_TIMEOUT))
    return TDX_ATTEST_ERROR_BUSY;
  if (is_code(error, DSTACK_ERROR_UNAVAILABLE))
    return TDX_ATTEST_ERROR_NOT_SUPPORTED;
  return is_code(error, DSTACK_ERROR_INVALID) ? TDX_ATTEST_ERROR_QUOTE_FAILURE : TDX_ATTEST_ERROR_UNEXPECTED;
}

static tdx_attest_error_t copy_quote(GBytes *bytes, uint8_t **quote, uint32_t *quote_size) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  *quote = malloc(len);
  if (!*quote)
    return TDX_ATTEST_ERROR_OUT_OF_MEMORY;
  memcpy(*quote, data, len);
  *quote_size = (uint32_t)len;
  return TDX_ATTEST_SUCCESS;
}

tdx_attest_error_t guest_get_quote(const uint8_t report_data[64], uint8_t **quote, uint32_t *quote_size) {
  g_autoptr(GError) error = NULL;
  QuoteSource source;
  quote_source_init(&source);
  g_autofree char *directory =
      kernel_path("DCAP_TDX_QUOTE_CONFIGFS_PATH", source.configfs_directory, &source.configfs_only, NULL);
  if (!directory)
    return TDX_ATTEST_ERROR_NOT_SUPPORTED;
  source.configfs_directory = directory;
  QuoteStep step;
  g_autoptr(GBytes) bytes = quote_source_get(&source, report_data, &step, &error);
  return bytes ? copy_quote(bytes, quote, quote_size) : quote_failure(step, error);
}

tdx_attest_error_t guest_get_report(const uint8_t report_data[64], uint8_t report[1024]) {
  g_autoptr(GError) error = NULL;
  if (guest_device_report(report_data, report, &error))
    return TDX_ATTEST_SUCCESS;
  return device_failure(error, TDX_ATTEST_ERROR_REPORT_FAILURE);
}

tdx_attest_error_t guest_extend(unsigned index, const uint8_t digest[48]) {
  g_autoptr(GError) error = NULL;
  gboolean given;
  g_autofree char *directory = kernel_path("DCAP_TDX_RTMR_SYSFS_PATH", REGISTERS_DIRECTORY, &given, NULL);
  if (!directory)
    return TDX_ATTEST_ERROR_NOT_SUPPORTED;
  if (registers_extend(directory, given, index, digest, &error))
    return TDX_ATTEST_SUCCESS;
  if (is_code(error, DSTACK_ERROR_INVALID))
    return TDX_ATTEST_ERROR_INVALID_RTMR_INDEX;
  if (given || g_file_test(directory, G_FILE_TEST_IS_DIR))
    return TDX_ATTEST_ERROR_EXTEND_FAILURE;
  return device_failure(error, TDX_ATTEST_ERROR_EXTEND_FAILURE);
}
