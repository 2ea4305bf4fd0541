#include "vmm/auth.h"

#include "base/error.h"
#include "base/file.h"
#include "base/secret.h"
#include "crypto/digest.h"

#include <crypt.h>
#include <string.h>

#define MAX_HTPASSWD_BYTES (1024 * 1024)
#define MAX_PASSWORD 72 /* bcrypt looks at no more */
#define CHALLENGE "WWW-Authenticate: Basic realm=\"dstack-vmm API\""

struct VmmAuth {
  gboolean enabled;
  GArray *token_digests; /* of guint8[SHA256_SIZE]: the tokens themselves are not kept here */
  GHashTable *users;     /* name -> bcrypt hash */
};

static gboolean is_bcrypt(const char *hash) {
  return g_str_has_prefix(hash, "$2a$") || g_str_has_prefix(hash, "$2b$") || g_str_has_prefix(hash, "$2y$");
}

static gboolean read_htpasswd(VmmAuth *auth, const char *path, GError **error) {
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
    g_hash_table_insert(auth->users, g_strndup(line, (gsize)(colon - line)), g_strdup(colon + 1));
  }
  if (g_hash_table_size(auth->users) > 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: no user in it", path);
  return FALSE;
}

VmmAuth *vmm_auth_new(const VmmConfig *config, GError **error) {
  g_autoptr(VmmAuth) auth = g_new0(VmmAuth, 1);
  auth->enabled = config->auth;
  auth->token_digests = g_array_new(FALSE, FALSE, SHA256_SIZE);
  auth->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
  for (char **token = config->auth_tokens; *token; token++) {
    guint8 digest[SHA256_SIZE];
    if (!**token)
      continue;
    digest_sha256(*token, strlen(*token), digest);
    g_array_append_vals(auth->token_digests, digest, 1);
  }
  if (auth->enabled && *config->htpasswd_file && !read_htpasswd(auth, config->htpasswd_file, error))
    return NULL;
  return g_steal_pointer(&auth);
}

void vmm_auth_free(VmmAuth *auth) {
  if (!auth)
    return;
  g_array_unref(auth->token_digests);
  g_hash_table_unref(auth->users);
  g_free(auth);
}

/* Every token is compared, whatever the result of the others. */
static gboolean is_token(VmmAuth *auth, const char *text) {
  guint8 digest[SHA256_SIZE];
  gboolean found = FALSE;
  if (!*text)
    return FALSE;
  digest_sha256(text, strlen(text), digest);
  for (guint i = 0; i < auth->token_digests->len; i++)
    found |= bytes_equal_constant_time(digest, auth->token_digests->data + i * SHA256_SIZE, SHA256_SIZE);
  return found;
}

static gboolean is_password(VmmAuth *auth, const char *user, const char *password) {
  const char *hash = g_hash_table_lookup(auth->users, user);
  if (!hash || strlen(password) > MAX_PASSWORD)
    return FALSE;
  struct crypt_data *data = g_new0(struct crypt_data, 1);
  const char *computed = crypt_r(password, hash, data);
  gboolean same = computed && strlen(computed) == strlen(hash) && bytes_equal_constant_time(computed, hash, strlen(hash));
  secret_wipe(data, sizeof *data);
  g_free(data);
  return same;
}

typedef enum { UNDECIDED, ALLOWED, REFUSED } Verdict;

static Verdict judge_basic(VmmAuth *auth, const char *encoded) {
  gsize len;
  g_autofree char *decoded = (char *)g_base64_decode(encoded, &len);
  g_autofree char *text = decoded && len > 0 ? g_strndup(decoded, len) : NULL;
  if (!text || !g_utf8_validate(text, (gssize)len, NULL))
    return UNDECIDED;
  char *colon = strchr(text, ':');
  const char *password = colon ? colon + 1 : "";
  if (colon)
    *colon = '\0';
  gboolean good = is_password(auth, text, password) || is_token(auth, password) || (!*password && is_token(auth, text));
  secret_wipe(text, len);
  return good ? ALLOWED : REFUSED;
}

static Verdict judge_authorization(VmmAuth *auth, const char *header) {
  if (g_str_has_prefix(header, "Bearer ")) {
    g_autofree char *token = g_strstrip(g_strdup(header + strlen("Bearer ")));
    return is_token(auth, token) ? ALLOWED : REFUSED;
  }
  return g_str_has_prefix(header, "Basic ") ? judge_basic(auth, header + strlen("Basic ")) : UNDECIDED;
}

gboolean vmm_auth_allows(VmmAuth *auth, const char *admin_token, const char *authorization, const char *query_token) {
  if (!auth->enabled || (admin_token && is_token(auth, admin_token)))
    return TRUE;
  Verdict verdict = authorization ? judge_authorization(auth, authorization) : UNDECIDED;
  if (verdict != UNDECIDED)
    return verdict == ALLOWED;
  return query_token && is_token(auth, query_token);
}

gboolean vmm_auth_filter(PrpcHttpRequest *request, gpointer user_data) {
  gboolean is_get = strcmp(prpc_http_method(request), "GET") == 0;
  g_autofree char *token = is_get ? prpc_http_query_value(request, "token") : NULL;
  if (vmm_auth_allows(user_data, prpc_http_header(request, "X-Admin-Token"), prpc_http_header(request, "Authorization"), token))
    return TRUE;
  static const char *const headers[] = {CHALLENGE, NULL};
  prpc_http_reply(request, 401, "text/plain", "", 0, headers);
  return FALSE;
}
