/* dstack-kms-handover: started by dstack-kms while there are no keys, never by hand. Fetches root keys from another KMS
 * and passes them on sealed to the key holder: no other process sees what that KMS sends. */
#include "kms/handover/source.h"
#include "kms/sandbox.h"
#include "kms/wire.h"

#include "base/error.h"
#include "base/log.h"
#include "base/secret.h"

#include <signal.h>
#include <stdlib.h>

static gboolean fetch(Reader *body, WireBuffer *answer, GError **error) {
  guint8 recipient[KMS_RECIPIENT_SIZE];
  g_autofree char *url = wire_get_text(body, KMS_MAX_NAME);
  g_autofree char *vm_config = wire_get_text(body, KMS_MAX_VM_CONFIG);
  reader_copy(body, recipient, sizeof recipient);
  if (!reader_finish(body, "handover request", error))
    return FALSE;
  const SourceRequest request = {url, vm_config, recipient, KMS_CHANNEL_FRONT};
  g_autoptr(GBytes) sealed = NULL, ca_spki = NULL;
  if (!source_fetch(&request, &sealed, &ca_spki, error))
    return FALSE;
  wire_put_bytes(answer, sealed);
  wire_put_bytes(answer, ca_spki);
  return TRUE;
}

static WireBuffer *answer_request(const WireBuffer *request) {
  g_autoptr(GError) error = NULL;
  g_autoptr(WireBuffer) answer = wire_buffer_new(WIRE_OK);
  Reader body = wire_body(request);
  if (wire_type(request) != HANDOVER_FETCH)
    g_set_error(&error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "handover does not take request %u", wire_type(request));
  else if (fetch(&body, answer, &error))
    return g_steal_pointer(&answer);
  return wire_error_answer(error);
}

/* Until the front needs no more keys. */
static gboolean serve(GError **error) {
  for (;;) {
    g_autoptr(WireBuffer) request = wire_receive(KMS_CHANNEL_FRONT, WIRE_MAX_FRAME, error);
    if (!request)
      return g_error_matches(*error, DSTACK_ERROR, DSTACK_ERROR_UNAVAILABLE);
    g_autoptr(WireBuffer) answer = answer_request(request);
    if (!wire_send(KMS_CHANNEL_FRONT, answer, error))
      return FALSE;
  }
}

int main(int argc, char **argv) {
  log_init("dstack-kms-handover", LOG_INFO);
  if (argc != 2) {
    log_error("this program is started by dstack-kms");
    return EXIT_FAILURE;
  }
  secret_protect_process();
  (void)signal(SIGINT, SIG_IGN); /* the front ends it by closing its channel */
  (void)signal(SIGTERM, SIG_IGN);
  (void)signal(SIGPIPE, SIG_IGN);
  g_autoptr(GError) error = NULL;
  if (sandbox_drop_privileges(argv[1], &error) && sandbox_enter(SANDBOX_VERIFIER, &error) && serve(&error))
    return EXIT_SUCCESS;
  log_error("%s", error->message);
  return EXIT_FAILURE;
}
