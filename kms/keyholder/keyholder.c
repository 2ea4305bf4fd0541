#include "kms/keyholder/keyholder_private.h"

#include "base/error.h"
#include "base/log.h"

KeyHolder *keyholder_new(const char *cert_dir, KeyHolderSeal seal, gpointer user_data) {
  KeyHolder *holder = g_new0(KeyHolder, 1);
  holder->cert_dir = g_strdup(cert_dir);
  holder->seal = seal;
  holder->seal_data = user_data;
  holder->grants = grant_table_new();
  return holder;
}

void keyholder_free(KeyHolder *holder) {
  if (!holder)
    return;
  root_keys_free(holder->keys);
  secret_free(holder->recipient);
  kms_certificates_clear(&holder->certificates);
  grant_table_free(holder->grants);
  audit_free(holder->audit);
  g_free(holder->audit_dir);
  g_free(holder->cert_dir);
  g_free(holder);
}

void keyholder_record(KeyHolder *holder, const char *dir, gboolean sync_each) {
  holder->audit_dir = g_strdup(dir);
  holder->audit_sync_each = sync_each;
}

gint keyholder_tend_due(const KeyHolder *holder) {
  return holder->audit ? audit_log_sync_due(audit_peek_log(holder->audit)) : -1;
}

void keyholder_tend(KeyHolder *holder) {
  g_autoptr(GError) error = NULL;
  if (holder->audit && !audit_log_sync(audit_peek_log(holder->audit), &error))
    log_error("%s", error->message);
}

void keyholder_allow_plain_handover(KeyHolder *holder) { holder->plain_handover = TRUE; }

static KeyHolderHandler find_handler(KeyHolder *holder, KeyHolderPeer peer, guint8 type) {
  if (holder->sealed)
    return keyholder_sealed_handler(peer, type);
  return peer == KEYHOLDER_FROM_FRONT ? keyholder_setup_handler(type) : NULL;
}

gsize keyholder_max_request(const KeyHolder *holder, KeyHolderPeer peer) {
  return holder->sealed && peer == KEYHOLDER_FROM_FRONT ? KMS_MAX_SEALED_REQUEST : WIRE_MAX_FRAME;
}

WireBuffer *keyholder_answer(KeyHolder *holder, KeyHolderPeer peer, const WireBuffer *request) {
  g_autoptr(GError) error = NULL;
  g_autoptr(WireBuffer) answer = wire_buffer_new(WIRE_OK);
  KeyHolderHandler handler = find_handler(holder, peer, wire_type(request));
  Reader body = wire_body(request);
  if (!handler)
    g_set_error(&error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "key holder does not take request %u now",
                wire_type(request));
  else if (handler(holder, &body, answer, &error))
    return g_steal_pointer(&answer);
  return wire_error_answer(error);
}
