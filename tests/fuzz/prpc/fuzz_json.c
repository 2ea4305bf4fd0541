/* JSON bodies. The first byte selects the message type. */
#include "fuzz_messages.h"

int LLVMFuzzerTestOneInput(const guint8 *data, size_t size);
int LLVMFuzzerTestOneInput(const guint8 *data, size_t size) {
  if (size < 1)
    return 0;
  g_autoptr(GError) error = NULL;
  g_autoptr(PrpcMessage) message = prpc_message_from_json(fuzz_type(data[0]), (const char *)data + 1, size - 1, &error);
  g_assert(!message == !!error);
  if (message)
    fuzz_check_round_trip(message);
  return 0;
}
