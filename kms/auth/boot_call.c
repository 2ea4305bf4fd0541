#include "kms/auth/boot_call.h"

#include "base/error.h"
#include "base/hex.h"
#include "eth/abi.h"

#include <string.h>

#define TUPLE "(address,bytes32,address,bytes32,bytes32,bytes32,bytes32,string,string[])"
#define HEAD_WORDS 9
#define MIN_ANSWER_WORDS 3

/* At most 64 digits, right-aligned. */
static void add_digits(GByteArray *out, const char *digits) {
  char padded[2 * ETH_WORD_SIZE + 1];
  gsize len = strlen(digits);
  memset(padded, '0', sizeof padded - 1);
  memcpy(padded + sizeof padded - 1 - len, digits, len);
  padded[sizeof padded - 1] = 0;
  guint8 word[ETH_WORD_SIZE] = {0};
  /* The question's parser let digits through only. */
  (void)hex_decode_fixed(padded, word, sizeof word, NULL);
  eth_abi_add_word(out, word);
}

static gsize text_size(const char *text) { return ETH_WORD_SIZE + eth_abi_padded(strlen(text)); }

static void add_texts(GByteArray *out, char *const *texts) {
  gsize count = g_strv_length((char **)texts);
  gsize offset = count * ETH_WORD_SIZE;
  eth_abi_add_uint(out, count);
  for (gsize i = 0; i < count; i++) {
    eth_abi_add_uint(out, offset);
    offset += text_size(texts[i]);
  }
  for (gsize i = 0; i < count; i++)
    eth_abi_add_bytes(out, texts[i], strlen(texts[i]));
}

GBytes *boot_call_encode(AuthSubject subject, const AuthQuestion *question) {
  GByteArray *out = g_byte_array_new();
  eth_abi_add_selector(out, subject == AUTH_APP ? "isAppAllowed(" TUPLE ")" : "isKmsAllowed(" TUPLE ")");
  eth_abi_add_uint(out, ETH_WORD_SIZE); /* where the tuple begins */
  add_digits(out, question->app_id);
  add_digits(out, question->compose_hash);
  add_digits(out, question->instance_id);
  add_digits(out, question->device_id);
  add_digits(out, question->mr_aggregated);
  add_digits(out, question->mr_system);
  add_digits(out, question->os_image_hash);
  eth_abi_add_uint(out, HEAD_WORDS * ETH_WORD_SIZE);
  eth_abi_add_uint(out, HEAD_WORDS * ETH_WORD_SIZE + text_size(question->tcb_status));
  eth_abi_add_bytes(out, question->tcb_status, strlen(question->tcb_status));
  add_texts(out, question->advisory_ids);
  return g_byte_array_free_to_bytes(out);
}

gboolean boot_call_decode(GBytes *answer, gboolean *allowed, char **reason, GError **error) {
  if (g_bytes_get_size(answer) < MIN_ANSWER_WORDS * ETH_WORD_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "contract answer: too short: is there a contract at this address?");
    return FALSE;
  }
  if (!eth_abi_get_bool(answer, 0, allowed, error))
    return FALSE;
  *reason = eth_abi_get_text(answer, 1, BOOT_CALL_MAX_REASON, error);
  return *reason != NULL;
}
