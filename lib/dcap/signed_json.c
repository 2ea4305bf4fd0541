#include "dcap/signed_json.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/p256.h"
#include "dcap/failure.h"

#include <string.h>

#define TIME_MAX_LENGTH 40

static gboolean has_shape(const char *text, const char *shape) {
  for (; *shape; text++, shape++) {
    if (*shape == '0' ? !g_ascii_isdigit(*text) : *text != *shape)
      return FALSE;
  }
  return TRUE;
}

/* GLib's reader takes all of ISO 8601; RFC 3339 is one form of it. */
gboolean dcap_parse_time(const char *text, gboolean round_up, gint64 *out) {
  if (strlen(text) > TIME_MAX_LENGTH || !has_shape(text, "0000-00-00T00:00:00"))
    return FALSE;
  const char *rest = text + strlen("0000-00-00T00:00:00");
  gboolean has_fraction = FALSE;
  if (*rest == '.') {
    gsize n_digits = strspn(++rest, "0123456789");
    if (n_digits == 0)
      return FALSE;
    has_fraction = strspn(rest, "0") < n_digits;
    rest += n_digits;
  }
  gboolean is_offset = (*rest == '+' || *rest == '-') && has_shape(rest + 1, "00:00") && strlen(rest) == 6;
  if (strcmp(rest, "Z") != 0 && !is_offset)
    return FALSE;
  g_autofree char *whole_seconds = g_strdup_printf("%.19s%s", text, rest);
  g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(whole_seconds, NULL);
  if (!time)
    return FALSE;
  *out = g_date_time_to_unix(time) + (has_fraction && round_up);
  return TRUE;
}

gboolean dcap_json_get_fixed_hex(const json_t *object, const char *key, guint8 *out, gsize size, const char *what,
                                 GError **error) {
  const char *text = json_get_string(object, key, what, error);
  if (!text)
    return FALSE;
  if (hex_decode_fixed(text, out, size, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.%s: expected %" G_GSIZE_FORMAT " hex digits", what, key,
              2 * size);
  return FALSE;
}

static gboolean get_time(const json_t *object, const char *key, gboolean round_up, gint64 *out, const char *what,
                         GError **error) {
  const char *text = json_get_string(object, key, what, error);
  if (!text)
    return FALSE;
  if (dcap_parse_time(text, round_up, out))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s.%s: expected an RFC 3339 time", what, key);
  return FALSE;
}

static gboolean decode(DcapSignedJson *document, GError **error) {
  if (document->len > DCAP_SIGNED_JSON_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "%s: more than %d bytes", document->name,
                DCAP_SIGNED_JSON_MAX_SIZE);
    return FALSE;
  }
  g_autoptr(json_t) json =
      json_parse_bounded(document->text, document->len, DCAP_JSON_MAX_DEPTH, document->name, error);
  if (!json || !json_require_object(json, document->name, error))
    return FALSE;
  if (!get_time(json, "issueDate", TRUE, &document->issued, document->name, error) ||
      !get_time(json, "nextUpdate", FALSE, &document->next_update, document->name, error))
    return FALSE;
  document->json = g_steal_pointer(&json);
  return TRUE;
}

DcapSignedJson *dcap_signed_json_new(const char *name, const char *text, const char *chain_pem,
                                     const guint8 signature[64], DcapCertCache *cache) {
  DcapSignedJson *document = g_new0(DcapSignedJson, 1);
  document->name = name;
  document->text = g_strdup(text);
  document->len = strlen(text);
  memcpy(document->signature, signature, sizeof document->signature);
  g_mutex_init(&document->memo.lock);
  decode(document, &document->json_error);
  document->chain = dcap_chain_parse(chain_pem, strlen(chain_pem), cache, &document->chain_error);
  /* Both documents have the same signer as a rule. */
  for (guint i = 0; document->chain && i < document->chain->len; i++)
    dcap_cert_cache_add(cache, document->chain->pdata[i]);
  return document;
}

void dcap_signed_json_free(DcapSignedJson *document) {
  if (!document)
    return;
  g_free(document->text);
  json_decref(document->json);
  g_clear_pointer(&document->chain, g_ptr_array_unref);
  g_clear_error(&document->json_error);
  g_clear_error(&document->chain_error);
  g_mutex_clear(&document->memo.lock);
  g_free(document);
}

static gboolean is_signed_by(DcapSignedJson *document, const DcapCert *signer) {
  if (dcap_memo_signed_by(&document->memo, signer->point))
    return TRUE;
  if (!p256_verify_raw(signer->point, document->text, document->len, document->signature))
    return FALSE;
  dcap_memo_remember(&document->memo, signer->point);
  return TRUE;
}

DcapFailure dcap_signed_json_verify(DcapSignedJson *document, const DcapTrust *trust, DcapFailure bad_signature,
                                    GError **error) {
  if (!document->json)
    return dcap_fail(error, DCAP_COLLATERAL_DECODE, "%s", document->json_error->message);
  if (trust->now < document->issued)
    return dcap_fail(error, DCAP_ISSUED_IN_FUTURE, "%s", document->name);
  if (trust->now > document->next_update)
    return dcap_fail(error, DCAP_EXPIRED, "%s", document->name);
  if (!document->chain)
    return dcap_fail(error, DCAP_CHAIN_INVALID, "%s: %s", document->name, document->chain_error->message);
  DcapFailure failure = dcap_chain_verify(document->chain, trust, DCAP_TCB_SIGNER_NAME, error);
  if (failure == DCAP_OK && !is_signed_by(document, document->chain->pdata[0]))
    return dcap_fail(error, bad_signature, "not signed by the key of its chain");
  return failure;
}
