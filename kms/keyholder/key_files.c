#include "kms/keyholder/key_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAGING ".new"
#define COMMITTED ".commit"
#define KEY_MODE 0600
#define PUBLIC_MODE 0644
#define DIR_MODE 0700

#define TEMP_CA_KEY "tmp-ca.key"
#define ROOT_CA_KEY "root-ca.key"
#define RPC_KEY "rpc.key"
#define ROOT_K256_KEY "root-k256.key"
#define RPC_DOMAIN "rpc-domain"
#define BOOTSTRAP_INFO "bootstrap-info.json"

/* Without these seven there is no KMS. In the order of writing. */
static const char *const required_files[] = {
    TEMP_CA_KEY, ROOT_CA_KEY, RPC_KEY, ROOT_K256_KEY, KEY_FILE_TEMP_CA_CERT, KEY_FILE_ROOT_CA_CERT, KEY_FILE_RPC_CERT};
static const char *const key_files[] = {TEMP_CA_KEY, ROOT_CA_KEY, RPC_KEY, ROOT_K256_KEY};

void key_files_state_clear(KeyFilesState *state) {
  g_clear_pointer(&state->missing, g_free);
  g_clear_pointer(&state->domain, g_free);
  g_clear_pointer(&state->bootstrap_info, g_free);
}

/* A dangling link counts: what it should lead to may be root keys that are not mounted yet. */
static gboolean exists(const char *dir, const char *name) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  struct stat st;
  return lstat(path, &st) == 0;
}

static gboolean sync_dir(const char *dir, GError **error) {
  int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  gboolean synced = fd >= 0 && fsync(fd) == 0;
  if (!synced)
    dstack_set_errno(error, errno, "failed to sync %s", dir);
  if (fd >= 0)
    (void)close(fd); /* nothing was written through it */
  return synced;
}

static gboolean move_file(const char *from_dir, const char *to_dir, const char *name, GError **error) {
  g_autofree char *from = g_build_filename(from_dir, name, NULL);
  g_autofree char *to = g_build_filename(to_dir, name, NULL);
  if (rename(from, to) == 0 || errno == ENOENT)
    return TRUE;
  dstack_set_errno(error, errno, "failed to move %s into place", name);
  return FALSE;
}

/* Goes on from any point: a file that is no longer in the committed set is in its place already. */
static gboolean finish_commit(const char *dir, GError **error) {
  g_autofree char *committed = g_build_filename(dir, COMMITTED, NULL);
  if (!g_file_test(committed, G_FILE_TEST_IS_DIR))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS(required_files); i++)
    if (!move_file(committed, dir, required_files[i], error))
      return FALSE;
  return move_file(committed, dir, RPC_DOMAIN, error) && move_file(committed, dir, BOOTSTRAP_INFO, error) &&
         sync_dir(dir, error) && file_remove_tree(committed, error);
}

static gboolean drop_staging(const char *dir, GError **error) {
  g_autofree char *staging = g_build_filename(dir, STAGING, NULL);
  return file_remove_tree(staging, error);
}

/* What file_write_atomic() leaves when it is killed: "<name>.XXXXXX". */
static gboolean is_leftover(const char *name) {
  for (guint i = 0; i < G_N_ELEMENTS(required_files); i++) {
    gsize len = strlen(required_files[i]);
    if (strncmp(name, required_files[i], len) == 0 && name[len] == '.' && strlen(name + len) == 7)
      return TRUE;
  }
  return FALSE;
}

static gboolean remove_leftovers(const char *dir, GError **error) {
  g_autoptr(GDir) listing = g_dir_open(dir, 0, error);
  if (!listing)
    return FALSE;
  for (const char *name; (name = g_dir_read_name(listing));) {
    g_autofree char *path = g_build_filename(dir, name, NULL);
    if (is_leftover(name) && unlink(path) != 0) {
      dstack_set_errno(error, errno, "failed to remove %s", path);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean restrict_mode(const char *path, mode_t mode, GError **error) {
  struct stat st;
  if (stat(path, &st) != 0)
    return TRUE; /* not there yet */
  if ((st.st_mode & 07777) == mode)
    return TRUE;
  log_warn("%s had mode %04o, set to %04o", path, st.st_mode & 07777, mode);
  if (chmod(path, mode) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to restrict %s", path);
  return FALSE;
}

gboolean key_files_prepare(const char *dir, GError **error) {
  if (!file_make_dirs(dir, DIR_MODE, error) || !restrict_mode(dir, DIR_MODE, error) || !drop_staging(dir, error) ||
      !finish_commit(dir, error) || !remove_leftovers(dir, error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS(key_files); i++) {
    g_autofree char *path = g_build_filename(dir, key_files[i], NULL);
    if (!restrict_mode(path, KEY_MODE, error))
      return FALSE;
  }
  return TRUE;
}

/* "" for a missing file; any other failure is one. */
static char *read_text_or_empty(const char *dir, const char *name, gsize max, GError **error) {
  if (!exists(dir, name))
    return g_strdup("");
  g_autofree char *path = g_build_filename(dir, name, NULL);
  return file_read_text(path, max, error);
}

gboolean key_files_state(const char *dir, KeyFilesState *out, GError **error) {
  g_auto(KeyFilesState) state = {0};
  g_autoptr(GString) missing = g_string_new(NULL);
  for (guint i = 0; i < G_N_ELEMENTS(required_files); i++)
    if (!exists(dir, required_files[i]))
      g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", required_files[i]);
  state.complete = missing->len == 0;
  state.has_root_keys = exists(dir, ROOT_CA_KEY) || exists(dir, ROOT_K256_KEY);
  state.missing = g_strdup(missing->str);
  if (!(state.domain = read_text_or_empty(dir, RPC_DOMAIN, KMS_MAX_DOMAIN + 2, error)))
    return FALSE;
  g_strstrip(state.domain);
  g_autoptr(GError) unreadable = NULL;
  state.bootstrap_info = read_text_or_empty(dir, BOOTSTRAP_INFO, KMS_MAX_BOOTSTRAP_INFO, &unreadable);
  if (!state.bootstrap_info) {
    log_warn("%s is ignored: %s", BOOTSTRAP_INFO, unreadable->message); /* only shown in GetMeta; no reason to stop */
    state.bootstrap_info = g_strdup("");
  }
  *out = state;
  state = (KeyFilesState){0};
  return TRUE;
}

static gboolean write_file(const char *dir, const char *name, const void *data, gsize len, mode_t mode,
                           GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  return file_write_atomic(path, data, len, mode, error);
}

static gboolean write_pem_key(const char *dir, const char *name, EVP_PKEY *key, GError **error) {
  g_autoptr(Secret) pem = p256_to_pem(key);
  return write_file(dir, name, secret_peek(pem), secret_len(pem), KEY_MODE, error);
}

gboolean key_files_write_certificate(const char *dir, const char *name, X509 *certificate, GError **error) {
  g_autofree char *pem = cert_to_pem(certificate);
  return write_file(dir, name, pem, strlen(pem), PUBLIC_MODE, error);
}

static gboolean write_set(const char *dir, const RootKeys *keys, const KmsCertificates *certificates,
                          const char *domain, const char *bootstrap_info, GError **error) {
  return write_pem_key(dir, TEMP_CA_KEY, keys->temp_ca, error) &&
         write_pem_key(dir, ROOT_CA_KEY, keys->root_ca, error) && write_pem_key(dir, RPC_KEY, keys->rpc, error) &&
         write_file(dir, ROOT_K256_KEY, secret_peek(keys->k256), secret_len(keys->k256), KEY_MODE, error) &&
         key_files_write_certificate(dir, KEY_FILE_TEMP_CA_CERT, certificates->temp_ca, error) &&
         key_files_write_certificate(dir, KEY_FILE_ROOT_CA_CERT, certificates->root_ca, error) &&
         key_files_write_certificate(dir, KEY_FILE_RPC_CERT, certificates->rpc, error) &&
         write_file(dir, RPC_DOMAIN, domain, strlen(domain), PUBLIC_MODE, error) &&
         (!*bootstrap_info ||
          write_file(dir, BOOTSTRAP_INFO, bootstrap_info, strlen(bootstrap_info), PUBLIC_MODE, error));
}

gboolean key_files_store(const char *dir, const RootKeys *keys, const KmsCertificates *certificates, const char *domain,
                         const char *bootstrap_info, GError **error) {
  g_autofree char *staging = g_build_filename(dir, STAGING, NULL);
  g_autofree char *committed = g_build_filename(dir, COMMITTED, NULL);
  if (exists(dir, ROOT_CA_KEY) || exists(dir, ROOT_K256_KEY)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_EXISTS, "root keys exist already and are never overwritten");
    return FALSE;
  }
  if (!drop_staging(dir, error) || !file_make_dirs(staging, DIR_MODE, error) ||
      !write_set(staging, keys, certificates, domain, bootstrap_info, error))
    return FALSE;
  if (rename(staging, committed) != 0) {
    dstack_set_errno(error, errno, "failed to commit the new keys");
    return FALSE;
  }
  return sync_dir(dir, error) && finish_commit(dir, error);
}

static EVP_PKEY *load_pem_key(const char *dir, const char *name, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GBytes) pem = file_read(path, KMS_MAX_PEM, error);
  if (!pem)
    return NULL;
  gsize len;
  void *text = (void *)g_bytes_get_data(pem, &len);
  EVP_PKEY *key = p256_from_pem(text, len, error);
  secret_wipe(text, len);
  if (!key)
    g_prefix_error(error, "%s: ", path);
  return key;
}

static Secret *load_k256_key(const char *dir, GError **error) {
  g_autofree char *path = g_build_filename(dir, ROOT_K256_KEY, NULL);
  g_autoptr(GBytes) raw = file_read(path, K256_SCALAR_SIZE, error);
  if (!raw)
    return NULL;
  gsize len;
  void *data = (void *)g_bytes_get_data(raw, &len);
  g_autoptr(Secret) key = secret_new(data, len);
  secret_wipe(data, len);
  if (k256_scalar_valid(key))
    return g_steal_pointer(&key);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not a secp256k1 key", path);
  return NULL;
}

RootKeys *key_files_load(const char *dir, GError **error) {
  g_autoptr(RootKeys) keys = g_new0(RootKeys, 1);
  if (!(keys->temp_ca = load_pem_key(dir, TEMP_CA_KEY, error)) ||
      !(keys->root_ca = load_pem_key(dir, ROOT_CA_KEY, error)) || !(keys->rpc = load_pem_key(dir, RPC_KEY, error)) ||
      !(keys->k256 = load_k256_key(dir, error)))
    return NULL;
  return g_steal_pointer(&keys);
}

static X509 *load_certificate(const char *dir, const char *name, EVP_PKEY *key, GError **error) {
  g_autofree char *path = g_build_filename(dir, name, NULL);
  g_autoptr(GBytes) pem = file_read(path, KMS_MAX_PEM, error);
  return pem ? certificate_load(pem, key, path, error) : NULL;
}

gboolean key_files_load_ca(const char *dir, const RootKeys *keys, KmsCertificates *out, GError **error) {
  g_auto(KmsCertificates) certificates = {0};
  if (!(certificates.temp_ca = load_certificate(dir, KEY_FILE_TEMP_CA_CERT, keys->temp_ca, error)) ||
      !(certificates.root_ca = load_certificate(dir, KEY_FILE_ROOT_CA_CERT, keys->root_ca, error)))
    return FALSE;
  *out = certificates;
  certificates = (KmsCertificates){0};
  return TRUE;
}
