/* An audit log that somebody hands over to be verified. */
#include "audit/chain.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const guint8 public_key[K256_PUBLIC_SIZE] = {2};
  AuditChain chain = {0}, signed_chain = {0};
  const char *line = (const char *)data;
  while (size > 0) {
    const char *newline = memchr(line, '\n', size);
    gsize len = newline ? (gsize)(newline - line) : size;
    (void)audit_chain_add(&chain, line, len, NULL, NULL); /* must only not crash */
    if (audit_chain_add(&signed_chain, line, len, public_key, NULL))
      abort(); /* nobody has the key of x = 0 */
    gsize used = newline ? len + 1 : len;
    line += used;
    size -= used;
  }
  return 0;
}
