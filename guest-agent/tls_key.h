/* TLS keys with certificates from the app's key provider (spec: prpc-and-agent-api 5.1, 6). */
#pragma once

#include "guest-agent/agent.h"

#include "guest_agent.pb-c.h"

/* Fresh random key; or the deterministic key of a path. */
EVP_PKEY *tls_key_random(void);
EVP_PKEY *tls_key_of_path(const AppKeys *keys, const char *path, GError **error);

/* A NULL-terminated view of a repeated field; only the vector itself is to be freed. */
const char **tls_key_alt_names(char **names, gsize n);

/* Certifies `key` as asked and fills the answer: PKCS#8 PEM and chain, leaf first. */
gboolean tls_key_respond(Agent *agent, EVP_PKEY *key, const AppCertSpec *spec, DstackGuest__GetTlsKeyResponse *response,
                         GError **error);
