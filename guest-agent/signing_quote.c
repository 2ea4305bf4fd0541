#include "guest-agent/signing_quote.h"

#include "base/error.h"
#include "guest-agent/quotes.h"
#include "guest-agent/signing.h"
#include "prpc/message.h"

#include <string.h>

#define KEPT_MICROSECONDS (60 * G_USEC_PER_SEC)
#define N_KINDS 2 /* ed25519, secp256k1 */

typedef struct {
  GBytes *packed; /* GetQuoteResponse, or NULL */
  gint64 taken;   /* monotonic microseconds */
} Kept;

struct SigningQuotes {
  GMutex lock; /* also makes quoting single-flight */
  Kept kept[N_KINDS];
};

SigningQuotes *signing_quotes_new(void) {
  SigningQuotes *quotes = g_new0(SigningQuotes, 1);
  g_mutex_init(&quotes->lock);
  return quotes;
}

void signing_quotes_free(SigningQuotes *quotes) {
  if (!quotes)
    return;
  for (guint i = 0; i < N_KINDS; i++)
    g_clear_pointer(&quotes->kept[i].packed, g_bytes_unref);
  g_mutex_clear(&quotes->lock);
  g_free(quotes);
}

static char *base64url(const guint8 *data, gsize len) {
  char *text = g_base64_encode(data, len);
  g_strdelimit(g_strdelimit(text, "+", '-'), "/", '_');
  text[strcspn(text, "=")] = 0;
  return text;
}

void signing_report_data(const guint8 *public_key, gsize len, guint8 out[TDX_REPORT_DATA_SIZE]) {
  g_autofree char *encoded = base64url(public_key, len);
  g_autofree char *text =
      g_strconcat(len == K256_PUBLIC_SIZE ? "dip1::secp256k1c-pk:" : "dip1::ed25519-pk:", encoded, NULL);
  memset(out, 0, TDX_REPORT_DATA_SIZE);
  memcpy(out, text, MIN(strlen(text), TDX_REPORT_DATA_SIZE)); /* 60 or 64 characters */
}

static GBytes *take_quote(Agent *agent, SigningAlgorithm algorithm, GError **error) {
  g_autoptr(AppKey) key = signing_key(agent->keys, algorithm, error);
  g_autoptr(PrpcMessage) message = prpc_message_new(&dstack_guest__get_quote_response__descriptor);
  DstackGuest__GetQuoteResponse *response = (DstackGuest__GetQuoteResponse *)message;
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  if (!key)
    return NULL;
  signing_report_data(key->public_key, key->public_len, report_data);
  const char *vm_config = agent->compose->public_tcbinfo ? agent->sys_config->vm_config : "";
  return quote_respond(agent, report_data, vm_config, response, error) ? prpc_message_pack(message) : NULL;
}

static GBytes *kept_quote(Agent *agent, SigningAlgorithm algorithm, GError **error) {
  Kept *kept = &agent->signing_quotes->kept[algorithm == SIGNING_ED25519 ? 0 : 1];
  g_mutex_lock(&agent->signing_quotes->lock);
  gint64 now = g_get_monotonic_time();
  if (kept->packed && now - kept->taken > KEPT_MICROSECONDS)
    g_clear_pointer(&kept->packed, g_bytes_unref);
  if (!kept->packed) {
    kept->packed = take_quote(agent, algorithm, error);
    kept->taken = now;
  }
  GBytes *packed = kept->packed ? g_bytes_ref(kept->packed) : NULL;
  g_mutex_unlock(&agent->signing_quotes->lock);
  return packed;
}

/* Moves the fields of `from` into `out`, which is empty. */
static void move_response(DstackGuest__GetQuoteResponse *from, DstackGuest__GetQuoteResponse *out) {
  DstackGuest__GetQuoteResponse empty = *out;
  *out = *from;
  *from = empty;
}

gboolean signing_quote_respond(Agent *agent, const char *name, DstackGuest__GetQuoteResponse *out, GError **error) {
  SigningAlgorithm algorithm;
  if (!signing_algorithm(name, &algorithm, error))
    return FALSE;
  if (algorithm == SIGNING_K256_PREHASHED) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported algorithm: expected ed25519, secp256k1 or k256");
    return FALSE;
  }
  g_autoptr(GBytes) packed = kept_quote(agent, algorithm, error);
  if (!packed)
    return FALSE;
  gsize len;
  const void *data = g_bytes_get_data(packed, &len);
  g_autoptr(PrpcMessage) message = prpc_message_unpack(out->base.descriptor, data, len, error);
  if (!message)
    return FALSE;
  move_response((DstackGuest__GetQuoteResponse *)message, out);
  return TRUE;
}
