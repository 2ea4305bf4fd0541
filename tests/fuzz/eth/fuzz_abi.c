/* What a contract answers: any bytes. Getters must stay inside of them, and agree with each other. */
#include "eth/abi.h"
#include "kms/auth/boot_call.h"

#include <stdint.h>
#include <string.h>

#define MAX_TEXT 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(GBytes *answer) {
  for (gsize index = 0; index < 6; index++) {
    gboolean flag;
    guint64 number;
    guint8 address[ETH_ADDRESS_SIZE];
    g_autoptr(GBytes) bytes = eth_abi_get_bytes(answer, index, MAX_TEXT, NULL);
    g_autofree char *text = eth_abi_get_text(answer, index, MAX_TEXT, NULL);
    g_assert_true((bytes != NULL) == (text != NULL));
    g_assert_true(!bytes || g_bytes_get_size(bytes) <= MAX_TEXT);
    g_assert_true(!text || g_utf8_validate(text, -1, NULL));
    if (eth_abi_get_bool(answer, index, &flag, NULL))
      g_assert_true(eth_abi_get_uint(answer, index, &number, NULL) &&
                    eth_abi_get_address(answer, index, address, NULL));
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  g_autoptr(GBytes) answer = g_bytes_new(data, size);
  read_all(answer);
  gboolean allowed = FALSE;
  g_autofree char *reason = NULL;
  if (boot_call_decode(answer, &allowed, &reason, NULL))
    g_assert_true(size >= 3 * ETH_WORD_SIZE && data[ETH_WORD_SIZE - 1] == (allowed ? 1 : 0));
  g_autofree char *revert = eth_abi_revert_reason(answer);
  return 0;
}
