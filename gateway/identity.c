#include "identity.h"

#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "prpc/client.h"

#include "guest_agent.pb-c.h"

#include <string.h>

#define DEFAULT_AGENT "unix:/var/run/dstack.sock"
#define AGENT_TIMEOUT_MS 60000 /* a certificate costs a quote and a call to the KMS */

static DstackGuest__GetTlsKeyResponse *ask_agent(const char *domain, GError **error) {
  const char *address = g_getenv("DSTACK_AGENT_ADDRESS");
  g_autoptr(PrpcClient) client = prpc_client_new(address ? address : DEFAULT_AGENT, error);
  if (!client)
    return NULL;
  prpc_client_set_timeouts(client, AGENT_TIMEOUT_MS, AGENT_TIMEOUT_MS);
  DstackGuest__GetTlsKeyArgs request = DSTACK_GUEST__GET_TLS_KEY_ARGS__INIT;
  char *names[] = {(char *)domain};
  request.subject = (char *)"dstack-gateway";
  request.alt_names = names;
  request.n_alt_names = 1;
  request.usage_ra_tls = TRUE;
  request.usage_server_auth = TRUE;
  return (DstackGuest__GetTlsKeyResponse *)prpc_client_call(client, "GetTlsKey", &request.base,
                                                            &dstack_guest__get_tls_key_response__descriptor, error);
}

static gboolean write_identity(const DstackGuest__GetTlsKeyResponse *answer, const char *cert_path, const char *key_path,
                               const char *ca_path, GError **error) {
  if (answer->n_certificate_chain < 2) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "the guest agent answered with a chain of %zu certificates",
                answer->n_certificate_chain);
    return FALSE;
  }
  g_autoptr(GString) chain = g_string_new(NULL);
  for (gsize i = 0; i < answer->n_certificate_chain; i++)
    g_string_append_printf(chain, "%s%s", i ? "\n" : "", answer->certificate_chain[i]);
  const char *ca = answer->certificate_chain[answer->n_certificate_chain - 1];
  return file_write_atomic(key_path, answer->key, strlen(answer->key), 0600, error) &&
         file_write_atomic(ca_path, ca, strlen(ca), 0644, error) &&
         file_write_atomic(cert_path, chain->str, chain->len, 0644, error);
}

gboolean identity_obtain(const char *domain, const char *cert_path, const char *key_path, const char *ca_path,
                         GError **error) {
  DstackGuest__GetTlsKeyResponse *answer = ask_agent(domain, error);
  gboolean written = answer && write_identity(answer, cert_path, key_path, ca_path, error);
  if (answer) {
    secret_wipe(answer->key, strlen(answer->key));
    prpc_message_free(&answer->base);
  }
  if (!written)
    g_prefix_error(error, "failed to get the rpc certificate from the guest agent: ");
  return written;
}
