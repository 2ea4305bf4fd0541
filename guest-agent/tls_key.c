#include "guest-agent/tls_key.h"

#include "guest-agent/app_key.h"
#include "prpc/message.h"

#define SEED_SIZE 32

EVP_PKEY *tls_key_random(void) {
  for (;;) {
    g_autoptr(Secret) seed = secret_new_random(SEED_SIZE);
    g_autoptr(Secret) scalar = kdf_ratls(seed, NULL, 0, APP_KEY_SIZE);
    EVP_PKEY *key = p256_from_scalar(scalar, NULL);
    if (key) /* out of range once in 2^32: the input is random, so another draw is right */
      return key;
  }
}

EVP_PKEY *tls_key_of_path(const AppKeys *keys, const char *path, GError **error) {
  g_autoptr(Secret) scalar = app_key_secret(keys, path);
  return p256_from_scalar(scalar, error);
}

const char **tls_key_alt_names(char **names, gsize n) {
  const char **view = g_new0(const char *, n + 1);
  for (gsize i = 0; i < n; i++)
    view[i] = names[i];
  return view;
}

static char *secret_to_text(const Secret *secret) {
  return g_strndup((const char *)secret_peek(secret), secret_len(secret));
}

gboolean tls_key_respond(Agent *agent, EVP_PKEY *key, const AppCertSpec *spec, DstackGuest__GetTlsKeyResponse *response,
                         GError **error) {
  g_auto(GStrv) chain = app_keys_certify(agent->keys, agent->platform, agent->sys_config->vm_config, key, spec, error);
  if (!chain)
    return FALSE;
  g_autoptr(Secret) pem = p256_to_pem(key);
  g_autofree char *text = secret_to_text(pem);
  prpc_set_string(&response->key, text);
  secret_wipe(text, secret_len(pem));
  response->n_certificate_chain = g_strv_length(chain);
  response->certificate_chain = g_steal_pointer(&chain); /* the vector's NULL at the end does no harm */
  return TRUE;
}
