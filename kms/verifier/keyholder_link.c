#include "kms/verifier/keyholder_link.h"

#include "kms/wire.h"

#include "base/error.h"

#include <string.h>

struct KeyholderLink {
  int fd;
  GMutex lock; /* one request at a time */
};

KeyholderLink *keyholder_link_new(int fd) {
  KeyholderLink *link = g_new0(KeyholderLink, 1);
  link->fd = fd;
  g_mutex_init(&link->lock);
  return link;
}

void keyholder_link_free(KeyholderLink *link) {
  if (!link)
    return;
  g_mutex_clear(&link->lock);
  g_free(link);
}

static WireBuffer *call(KeyholderLink *link, const WireBuffer *request, GError **error) {
  g_mutex_lock(&link->lock);
  WireBuffer *answer = wire_call(link->fd, request, WIRE_MAX_FRAME, error);
  g_mutex_unlock(&link->lock);
  return answer;
}

/* `size` bytes, whatever `bytes` has: a wrong length must not move the fields behind it. */
static gboolean put_identifier(WireBuffer *request, GBytes *bytes, gsize size, GError **error) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  if (len != size) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INTERNAL, "identifier does not have %" G_GSIZE_FORMAT " bytes", size);
    return FALSE;
  }
  wire_put_fixed(request, data, size);
  return TRUE;
}

static gboolean take_grant(KeyholderLink *link, const WireBuffer *request, guint8 *grant, GError **error) {
  g_autoptr(WireBuffer) answer = call(link, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  reader_copy(&body, grant, KMS_GRANT_SIZE);
  return reader_finish(&body, "grant", error);
}

static WireBuffer *facts_request(guint8 type, const AuditFacts *facts) {
  WireBuffer *request = wire_buffer_new(type);
  audit_facts_put(request, facts);
  return request;
}

gboolean keyholder_link_grant(KeyholderLink *link, const AuditFacts *facts, guint8 grant[KMS_GRANT_SIZE],
                              GError **error) {
  g_autoptr(WireBuffer) request = facts_request(KEYHOLDER_GRANT, facts);
  return take_grant(link, request, grant, error);
}

gboolean keyholder_link_grant_root(KeyholderLink *link, const AuditFacts *facts, GBytes *spki,
                                   guint8 grant[KMS_GRANT_SIZE], GError **error) {
  g_autoptr(WireBuffer) request = facts_request(KEYHOLDER_GRANT_ROOT, facts);
  return put_identifier(request, spki, P256_SPKI_SIZE, error) && take_grant(link, request, grant, error);
}

/* Cut between characters. */
static char *bound_reason(const char *reason) {
  char *text = g_utf8_make_valid(reason, -1);
  if (strlen(text) > KMS_MAX_NAME)
    *g_utf8_find_prev_char(text, text + KMS_MAX_NAME + 1) = '\0';
  return text;
}

gboolean keyholder_link_refuse(KeyholderLink *link, const AuditFacts *facts, const char *reason, GError **error) {
  g_autofree char *bounded = bound_reason(reason);
  g_autoptr(WireBuffer) request = facts_request(KEYHOLDER_REFUSAL, facts);
  wire_put_text(request, bounded);
  g_autoptr(WireBuffer) answer = call(link, request, error);
  return answer != NULL;
}

static gboolean put_csr(WireBuffer *request, const RatlsCsr *csr, const LeafExtensions *extensions, GError **error) {
  guint n_alt_names = csr->alt_names ? g_strv_length(csr->alt_names) : 0;
  if (n_alt_names > KMS_MAX_ALT_NAMES) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "more than %d alternative names", KMS_MAX_ALT_NAMES);
    return FALSE;
  }
  wire_put_bytes(request, csr->pubkey);
  wire_put_u8(request, csr->org_name != NULL);
  wire_put_text(request, csr->org_name ? csr->org_name : "");
  wire_put_text(request, csr->subject);
  wire_put_u8(request, (guint8)n_alt_names);
  for (guint i = 0; i < n_alt_names; i++)
    wire_put_text(request, csr->alt_names[i]);
  wire_put_u8(request, csr->server_auth != FALSE);
  wire_put_u8(request, csr->client_auth != FALSE);
  wire_put_bytes(request, extensions->quote);
  wire_put_bytes(request, extensions->event_log);
  wire_put_bytes(request, extensions->attestation);
  wire_put_bytes(request, extensions->app_info);
  wire_put_u64(request, csr->not_before);
  wire_put_u64(request, csr->has_not_after ? MAX(csr->not_after, 1) : 0); /* 0 would stand for the default */
  return TRUE;
}

gboolean keyholder_link_sign(KeyholderLink *link, const AuditFacts *facts, const RatlsCsr *csr,
                             const LeafExtensions *extensions, char **leaf, char **app_ca, GError **error) {
  g_autoptr(WireBuffer) request = facts_request(KEYHOLDER_SIGN_LEAF, facts);
  if (!put_csr(request, csr, extensions, error))
    return FALSE;
  g_autoptr(WireBuffer) answer = call(link, request, error);
  if (!answer)
    return FALSE;
  Reader body = wire_body(answer);
  g_autofree char *leaf_pem = wire_get_text(&body, WIRE_MAX_FRAME);
  g_autofree char *app_ca_pem = wire_get_text(&body, KMS_MAX_PEM);
  if (!reader_finish(&body, "signed certificate", error))
    return FALSE;
  *leaf = g_steal_pointer(&leaf_pem);
  *app_ca = g_steal_pointer(&app_ca_pem);
  return TRUE;
}
