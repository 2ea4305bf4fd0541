#include "cli/trust.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"

#include <string.h>

#define FILE_KEY "trusted_signers"
#define MAX_TRUST_BYTES (1024 * 1024)

static char *trust_path(const char *path) {
  return path ? g_strdup(path) : g_build_filename(g_get_home_dir(), ".dstack-vmm", "kms-whitelist.json", NULL);
}

gboolean trust_parse_signer(const char *text, guint8 out[K256_PUBLIC_SIZE], GError **error) {
  const char *digits = g_str_has_prefix(text, "0x") ? text + 2 : text;
  if (hex_decode_fixed(digits, out, K256_PUBLIC_SIZE, NULL) && (out[0] == 2 || out[0] == 3))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid signer '%.80s': expected a compressed key of 66 hex digits",
              text);
  return FALSE;
}

static gint find(const TrustedSigners *signers, const guint8 *signer) {
  for (guint i = 0; i < signers->len; i++)
    if (memcmp(signers->data + i * K256_PUBLIC_SIZE, signer, K256_PUBLIC_SIZE) == 0)
      return (gint)i;
  return -1;
}

gboolean trust_contains(const TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]) {
  return find(signers, signer) >= 0;
}

gboolean trust_add(TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]) {
  if (trust_contains(signers, signer))
    return FALSE;
  g_array_append_vals(signers, signer, 1);
  return TRUE;
}

gboolean trust_remove(TrustedSigners *signers, const guint8 signer[K256_PUBLIC_SIZE]) {
  gint place = find(signers, signer);
  if (place >= 0)
    g_array_remove_index(signers, (guint)place);
  return place >= 0;
}

TrustedSigners *trust_load(const char *path, GError **error) {
  g_autofree char *effective = trust_path(path);
  g_autoptr(GError) reason = NULL;
  g_autoptr(GArray) signers = g_array_new(FALSE, FALSE, K256_PUBLIC_SIZE);
  g_autoptr(json_t) object = json_parse_file(effective, MAX_TRUST_BYTES, &reason);
  if (g_error_matches(reason, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return g_steal_pointer(&signers);
  if (!object) {
    g_propagate_error(error, g_steal_pointer(&reason));
    return NULL;
  }
  g_auto(GStrv) list = json_get_strings_or_empty(object, FILE_KEY, effective, error);
  for (guint i = 0; list && list[i]; i++) {
    guint8 signer[K256_PUBLIC_SIZE];
    if (!trust_parse_signer(list[i], signer, error)) {
      g_prefix_error(error, "%s: ", effective);
      return NULL;
    }
    (void)trust_add(signers, signer); /* listed twice is trusted once */
  }
  return list ? g_steal_pointer(&signers) : NULL;
}

gboolean trust_save(const char *path, const TrustedSigners *signers, GError **error) {
  g_autofree char *effective = trust_path(path), *dir = g_path_get_dirname(effective);
  json_t *list = json_array();
  for (guint i = 0; i < signers->len; i++) {
    g_autofree char *text = hex_encode(signers->data + i * K256_PUBLIC_SIZE, K256_PUBLIC_SIZE);
    json_array_append_new(list, json_string(text));
  }
  g_autoptr(json_t) object = json_pack("{s:o}", FILE_KEY, list);
  char *text = json_dumps(object, JSON_INDENT(2));
  gboolean saved = file_make_dirs(dir, 0700, error) && file_write_atomic(effective, text, strlen(text), 0600, error);
  free(text);
  return saved;
}
