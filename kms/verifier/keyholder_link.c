#include "kms/verifier/keyholder_link.h"

#include "kms/wire.h"

#include "base/error.h"

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

gboolean keyholder_link_grant(KeyholderLink *link, GBytes *app_id, GBytes *instance_id, guint8 grant[KMS_GRANT_SIZE],
                              GError **error) {
  static const guint8 no_instance[KMS_INSTANCE_ID_SIZE];
  g_autoptr(GBytes) none = g_bytes_new_static(no_instance, sizeof no_instance);
  gboolean has_instance = g_bytes_get_size(instance_id) != 0;
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_GRANT);
  if (!put_identifier(request, app_id, KMS_APP_ID_SIZE, error))
    return FALSE;
  wire_put_u8(request, has_instance ? KMS_INSTANCE_ID_SIZE : 0);
  if (!put_identifier(request, has_instance ? instance_id : none, KMS_INSTANCE_ID_SIZE, error))
    return FALSE;
  return take_grant(link, request, grant, error);
}

gboolean keyholder_link_grant_root(KeyholderLink *link, GBytes *spki, guint8 grant[KMS_GRANT_SIZE], GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_GRANT_ROOT);
  return put_identifier(request, spki, P256_SPKI_SIZE, error) && take_grant(link, request, grant, error);
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

gboolean keyholder_link_sign(KeyholderLink *link, GBytes *app_id, const RatlsCsr *csr, const LeafExtensions *extensions,
                             char **leaf, char **app_ca, GError **error) {
  g_autoptr(WireBuffer) request = wire_buffer_new(KEYHOLDER_SIGN_LEAF);
  if (!put_identifier(request, app_id, KMS_APP_ID_SIZE, error) || !put_csr(request, csr, extensions, error))
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
