#include "config.h"

#include "base/config.h"
#include "base/error.h"
#include "image/store.h"

#include <string.h>
#include <unistd.h>

#define DEFAULT_FILE "dstack-verifier.toml"
#define ENV_PREFIX "DSTACK_VERIFIER_"

static const char defaults[] =
    "address = \"0.0.0.0\"\n"
    "port = 8080\n"
    "image_download_url = \"https://download.dstack.org/os-images/mr_{OS_IMAGE_HASH}.tar.gz\"\n"
    "image_download_timeout_secs = 300\n"
    "[attestation]\n"
    "insecure_skip_pccs_tls_verify = false\n"
    "insecure_allow_external_trust_anchors = false\n";

/* The variable that stands over a key, or NULL. */
static const char *from_environment(const char *key) {
  g_auto(GStrv) parts = g_strsplit(key, ".", -1);
  g_autofree char *joined = g_strjoinv("__", parts);
  g_autofree char *upper = g_ascii_strup(joined, -1);
  g_autofree char *name = g_strconcat(ENV_PREFIX, upper, NULL);
  return g_getenv(name);
}

/* NULL for a key that is unset or blank. */
static gboolean get_text(Config *layers, const char *key, char **out, GError **error) {
  const char *text = NULL;
  if (config_has(layers, key) && !config_get_string(layers, key, &text, error))
    return FALSE;
  const char *over = from_environment(key);
  g_autofree char *value = g_strstrip(g_strdup(over ? over : text ? text : ""));
  *out = *value ? g_steal_pointer(&value) : NULL;
  return TRUE;
}

static gboolean get_bool(Config *layers, const char *key, gboolean *out, GError **error) {
  if (!config_get_bool(layers, key, out, error))
    return FALSE;
  const char *over = from_environment(key);
  if (!over)
    return TRUE;
  *out = g_str_equal(over, "true");
  if (*out || g_str_equal(over, "false"))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "environment: %s: expected true or false", key);
  return FALSE;
}

static gboolean get_uint(Config *layers, const char *key, guint64 min, guint64 max, guint64 *out, GError **error) {
  if (!config_get_uint(layers, key, max, out, error))
    return FALSE;
  const char *over = from_environment(key);
  if ((!over || g_ascii_string_to_unsigned(over, 10, min, max, out, NULL)) && *out >= min)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "%s: expected a number from %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT, key, min, max);
  return FALSE;
}

static gboolean get_listen(Config *layers, char **out, GError **error) {
  g_autofree char *address = NULL;
  guint64 port;
  if (!get_text(layers, "address", &address, error) || !get_uint(layers, "port", 0, G_MAXUINT16, &port, error))
    return FALSE;
  if (!address || !g_hostname_is_ip_address(address)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "address: '%s' is not an ip address",
                address ? address : "");
    return FALSE;
  }
  *out = g_strdup_printf(strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, (guint)port);
  return TRUE;
}

/* An empty address keeps the verifier to the images it has. */
static gboolean get_download(Config *layers, VerifierConfig *out, GError **error) {
  guint64 seconds;
  if (!get_text(layers, "image_download_url", &out->image_download_url, error) ||
      !get_uint(layers, "image_download_timeout_secs", 1, G_MAXUINT32 / 1000, &seconds, error))
    return FALSE;
  out->image_download_timeout_ms = seconds * 1000;
  if (!out->image_download_url || image_url_ok(out->image_download_url))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "image_download_url: expected an http url with " IMAGE_HASH_PLACEHOLDER ", or nothing");
  return FALSE;
}

static gboolean get_attestation(Config *layers, VerifierConfig *out, GError **error) {
  g_autofree char *older_url = NULL;
  if (!get_bool(layers, "attestation.insecure_allow_external_trust_anchors", &out->allow_external_root, error) ||
      !get_text(layers, "attestation.root_ca.tdx", &out->root_ca_tdx, error) ||
      !get_text(layers, "attestation.collateral_file", &out->collateral_file, error) ||
      !get_text(layers, "attestation.collateral_cache_dir", &out->collateral_cache_dir, error) ||
      !get_bool(layers, "attestation.insecure_skip_pccs_tls_verify", &out->insecure_pccs_tls, error) ||
      !get_text(layers, "attestation.urls.pccs", &out->pccs_url, error) ||
      !get_text(layers, "pccs_url", &older_url, error))
    return FALSE;
  if (!out->pccs_url)
    out->pccs_url = g_steal_pointer(&older_url);
  return TRUE;
}

/* Never in a place where anybody may put a directory first, such as /tmp: the cache decides which images are genuine. */
static char *default_cache_dir(void) {
  if (geteuid() == 0)
    return g_strdup("/var/cache/dstack-verifier");
  return g_build_filename(g_get_user_cache_dir(), "dstack-verifier", NULL);
}

static gboolean read_values(Config *layers, VerifierConfig *out, GError **error) {
  if (!get_listen(layers, &out->listen, error) || !get_text(layers, "image_cache_dir", &out->image_cache_dir, error) ||
      !get_download(layers, out, error) || !get_attestation(layers, out, error))
    return FALSE;
  if (!out->image_cache_dir)
    out->image_cache_dir = default_cache_dir();
  if (!out->collateral_cache_dir)
    out->collateral_cache_dir = g_build_filename(out->image_cache_dir, "collateral", NULL);
  return TRUE;
}

VerifierConfig *verifier_config_load(const char *path, GError **error) {
  g_autoptr(Config) layers = config_new(defaults);
  gboolean use_default = !path && g_file_test(DEFAULT_FILE, G_FILE_TEST_EXISTS);
  if ((path || use_default) && !config_add_file(layers, path ? path : DEFAULT_FILE, error))
    return NULL;
  g_autoptr(VerifierConfig) config = g_new0(VerifierConfig, 1);
  if (!read_values(layers, config, error))
    return NULL;
  config_warn_unknown(layers);
  return g_steal_pointer(&config);
}

void verifier_config_free(VerifierConfig *config) {
  if (!config)
    return;
  g_free(config->listen);
  g_free(config->image_cache_dir);
  g_free(config->image_download_url);
  g_free(config->pccs_url);
  g_free(config->root_ca_tdx);
  g_free(config->collateral_file);
  g_free(config->collateral_cache_dir);
  g_free(config);
}
