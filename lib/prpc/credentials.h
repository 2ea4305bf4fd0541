/* Who may use an operators' listener: tokens, and users of a htpasswd file (spec: vmm 3.3, kms 8.3). */
#pragma once

#include <glib.h>

typedef struct PrpcCredentials PrpcCredentials;

/* `tokens` is NULL-terminated; empty ones are never right. `htpasswd_file` holds lines user:bcrypt-hash; NULL or "": no users.
 * Errors: INVALID (a line, or no user in the file), those of reading it. */
PrpcCredentials *prpc_credentials_new(const char *const *tokens, const char *htpasswd_file, GError **error);
void prpc_credentials_free(PrpcCredentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcCredentials, prpc_credentials_free)

/* Constant-time, over the token's SHA-256. */
gboolean prpc_credentials_is_token(const PrpcCredentials *credentials, const char *text);

typedef enum { PRPC_CREDENTIALS_NONE, PRPC_CREDENTIALS_GOOD, PRPC_CREDENTIALS_BAD } PrpcCredentialsVerdict;
/* Judges the headers `X-Admin-Token`, a wrong one of which counts as none, and `Authorization`: "Bearer TOKEN", or "Basic" with
 * a user and its password, the token as password, or the token as user name without a password. Each may be NULL. Takes the
 * time bcrypt takes. Thread-safe. */
PrpcCredentialsVerdict prpc_credentials_judge(const PrpcCredentials *credentials, const char *admin_token,
                                              const char *authorization);
