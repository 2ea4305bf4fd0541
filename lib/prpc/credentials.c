#include "prpc/credentials.h"

#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "crypto/digest.h"

#include <crypt.h>
#include <string.h>

#define MAX_HTPASSWD_BYTES (1024 * 1024)
#define MAX_PASSWORD 72 /* bcrypt looks at no more */

struct PrpcCredentials {
  GArray *token_digests; /* of guint8[SHA256_SIZE]: the tokens themselves are not kept here */
  GHashTable *users;     /* name -> bcrypt hash */
};

static gboolean is_bcrypt(const char *hash) {
  return g_str_has_prefix(hash, "$2a$") || g_str_has_prefix(hash, "$2b$") || g_str_has_prefix(hash, "$2y$");
}

static gboolean read_htpasswd(PrpcCredentials *credentials, const char *path, GError **error) {
  g_autofree char *text = file_read_text(path, MAX_HTPASSWD_BYTES, error);
  if (!text)
    return FALSE;
  g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    char *line = g_strstrip(lines[i]);
    if (!*line || *line == '#')
      continue;
    char *colon = strchr(line, ':');
    if (!colon || colon == line || !is_bcrypt(colon + 1)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s:%u: expected user:bcrypt-hash", path, i + 1);
      return FALSE;
    }
    g_hash_table_insert(credentials->users, g_strndup(line, (gsize)(colon - line)), g_strdup(colon + 1));
  }
  if (g_hash_table_size(credentials->users) > 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: no user in it", path);
  return FALSE;
}

PrpcCredentials *prpc_credentials_new(const char *const *tokens, const char *htpasswd_file, GError **error) {
  g_autoptr(PrpcCredentials) credentials = g_new0(PrpcCredentials, 1);
  credentials->token_digests = g_array_new(FALSE, FALSE, SHA256_SIZE);
  credentials->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (const char *const *token = tokens; *token; token++) {
    guint8 digest[SHA256_SIZE];
    if (!**token)
      continue;
    digest_sha256(*token, strlen(*token), digest);
    g_array_append_vals(credentials->token_digests, digest, 1);
  }
  if (htpasswd_file && *htpasswd_file && !read_htpasswd(credentials, htpasswd_file, error))
    return NULL;
  return g_steal_pointer(&credentials);
}

void prpc_credentials_free(PrpcCredentials *credentials) {
  if (!credentials)
    return;
  g_array_unref(credentials->token_digests);
  g_hash_table_unref(credentials->users);
  g_free(credentials);
}

/* Every token is compared, whatever the result of the others. */
gboolean prpc_credentials_is_token(const PrpcCredentials *credentials, const char *text) {
  guint8 digest[SHA256_SIZE];
  gboolean found = FALSE;
  if (!*text)
    return FALSE;
  digest_sha256(text, strlen(text), digest);
  for (guint i = 0; i < credentials->token_digests->len; i++)
    found |= bytes_equal_constant_time(digest, credentials->token_digests->data + i * SHA256_SIZE, SHA256_SIZE);
  return found;
}

static gboolean is_password(const PrpcCredentials *credentials, const char *user, const char *password) {
  const char *hash = g_hash_table_lookup(credentials->users, user);
  if (!hash || strlen(password) > MAX_PASSWORD)
    return FALSE;
  struct crypt_data *data = g_new0(struct crypt_data, 1);
  const char *computed = crypt_r(password, hash, data);
  gboolean same = computed && strlen(computed) == strlen(hash) && bytes_equal_constant_time(computed, hash, strlen(hash));
  secret_wipe(data, sizeof *data);
  g_free(data);
  return same;
}

static PrpcCredentialsVerdict judge_basic(const PrpcCredentials *credentials, const char *encoded) {
  gsize len;
  g_autofree char *decoded = (char *)g_base64_decode(encoded, &len);
  g_autofree char *text = decoded && len > 0 ? g_strndup(decoded, len) : NULL;
  if (!text || !g_utf8_validate(text, (gssize)len, NULL))
    return PRPC_CREDENTIALS_NONE;
  char *colon = strchr(text, ':');
  const char *password = colon ? colon + 1 : "";
  if (colon)
    *colon = '\0';
  gboolean good = is_password(credentials, text, password) || prpc_credentials_is_token(credentials, password) ||
                  (!*password && prpc_credentials_is_token(credentials, text));
  secret_wipe(text, len);
  secret_wipe(decoded, len);
  return good ? PRPC_CREDENTIALS_GOOD : PRPC_CREDENTIALS_BAD;
}

PrpcCredentialsVerdict prpc_credentials_judge(const PrpcCredentials *credentials, const char *admin_token,
                                              const char *authorization) {
  if (admin_token && prpc_credentials_is_token(credentials, admin_token))
    return PRPC_CREDENTIALS_GOOD;
  if (!authorization)
    return PRPC_CREDENTIALS_NONE;
  if (g_str_has_prefix(authorization, "Bearer ")) {
    g_autofree char *token = g_strstrip(g_strdup(authorization + strlen("Bearer ")));
    return prpc_credentials_is_token(credentials, token) ? PRPC_CREDENTIALS_GOOD : PRPC_CREDENTIALS_BAD;
  }
  return g_str_has_prefix(authorization, "Basic ") ? judge_basic(credentials, authorization + strlen("Basic "))
                                                   : PRPC_CREDENTIALS_NONE;
}
