/* Any bytes as a framed response of the quote generation service: refused, or a quote that lies inside them. */
#include "tdx/guest_device.h"

#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GError) error = NULL;
  g_autoptr(GBytes) quote = qgs_response(data, size, &error);
  g_assert((quote == NULL) == (error != NULL));
  g_assert(!quote || g_bytes_get_size(quote) < size);
  guint8 buffer[GUEST_QUOTE_BUFFER] = {0};
  memcpy(buffer, data, MIN(size, sizeof buffer));
  g_autoptr(GBytes) of_device = guest_quote_buffer_read(buffer, NULL);
  return 0;
}
