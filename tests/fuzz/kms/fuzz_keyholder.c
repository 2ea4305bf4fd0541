/* What a compromised front or verifier may say to the key holder. First byte: 0 from the front before sealing, 1 from
 * the front, 2 from the verifier. */
#include "kms/keyholder/key_files.h"
#include "kms/keyholder/keyholder_private.h"

#include "base/file.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static gboolean no_seal(gpointer user_data, GError **error) {
  (void)user_data, (void)error;
  return TRUE;
}

/* Below a file nothing can be made, whoever runs this: a fuzzed request must not leave keys behind. */
#define NO_DIRECTORY "/dev/null/keys"

static KeyHolder *sealed_holder(void) {
  KeyHolder *holder = keyholder_new(NO_DIRECTORY, no_seal, NULL);
  holder->keys = root_keys_generate();
  holder->certificates.root_ca = certificate_root_ca(holder->keys, NULL);
  holder->sealed = TRUE;
  return holder;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static KeyHolder *sealed, *fresh;
  if (!sealed) {
    sealed = sealed_holder();
    fresh = keyholder_new(NO_DIRECTORY, no_seal, NULL);
  }
  if (size < 2)
    return 0;
  KeyHolderPeer peer = data[0] == 2 ? KEYHOLDER_FROM_VERIFIER : KEYHOLDER_FROM_FRONT;
  g_autoptr(WireBuffer) request = wire_buffer_parse(data + 1, size - 1);
  g_autoptr(WireBuffer) answer = keyholder_answer(data[0] == 0 ? fresh : sealed, peer, request);
  return 0;
}
