/* The contract ABI of Ethereum, as far as dstack's contracts need it (spec: contracts 6).
 *
 * Encoding appends 32-byte words to a GByteArray; where dynamic data goes is the caller's arithmetic, in words.
 * Decoding takes the answer of a contract that may be anybody's: every offset and length is checked against what is
 * there. */
#pragma once

#include <glib.h>

#define ETH_WORD_SIZE 32
#define ETH_ADDRESS_SIZE 20
#define ETH_SELECTOR_SIZE 4

/* Appends the first four bytes of the Keccak-256 of a canonical signature such as "owner()". */
void eth_abi_add_selector(GByteArray *out, const char *signature);
/* Bytes the words of `len` bytes take. */
gsize eth_abi_padded(gsize len);
void eth_abi_add_uint(GByteArray *out, guint64 value);
void eth_abi_add_word(GByteArray *out, const guint8 word[ETH_WORD_SIZE]);
void eth_abi_add_address(GByteArray *out, const guint8 address[ETH_ADDRESS_SIZE]);
/* The length as a word, then the bytes, padded with zeros to whole words: the tail of a `bytes` or `string`. */
void eth_abi_add_bytes(GByteArray *out, const void *data, gsize len);

/* The value at word `index` of the head. Errors INVALID. */
gboolean eth_abi_get_bool(GBytes *answer, gsize index, gboolean *out, GError **error);
gboolean eth_abi_get_uint(GBytes *answer, gsize index, guint64 *out, GError **error);
gboolean eth_abi_get_address(GBytes *answer, gsize index, guint8 out[ETH_ADDRESS_SIZE], GError **error);
/* The `bytes` or `string` whose offset is at word `index`: at most `max` bytes. New reference. */
GBytes *eth_abi_get_bytes(GBytes *answer, gsize index, gsize max, GError **error);
/* The same as text; what is not UTF-8 is replaced. Newly allocated, without NUL inside. */
char *eth_abi_get_text(GBytes *answer, gsize index, gsize max, GError **error);

/* What a contract said when it reverted: the text of Error(string), the name of an error that dstack's contracts know
 * (spec contracts 5.3), or NULL when it is neither. Newly allocated. */
char *eth_abi_revert_reason(GBytes *data);
