#include "kms/config.h"

#include "kms/domain.h"

#include "base/error.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

#define MAX_WORKERS 64
#define MAX_METHOD_BYTES (10 * 1024 * 1024)

static const char defaults[] =
    /* Users that nobody else has: Debian reserves 65000 to 65533 and hands none of them out. */
    "[core.isolation]\n"
    "front_user = \"65521\"\n"
    "verifier_user = \"65522\"\n"
    "keyholder_user = \"65523\"\n"
    "insecure_shared_user = false\n"
    "[rpc]\n"
    "address = \"0.0.0.0\"\n"
    "port = 8000\n"
    "workers = 8\n"
    "[rpc.tls.mutual]\n"
    "mandatory = false\n"
    "[core]\n"
    "cert_dir = \"/etc/kms/certs\"\n"
    "attest_rpc_cert = true\n"
    "enforce_self_authorization = true\n"
    "site_name = \"\"\n"
    "[core.image]\n"
    "verify = true\n"
    "cache_dir = \"/usr/share/dstack/images\"\n"
    "download_timeout = \"2m\"\n"
    "[core.auth_api]\n"
    "type = \"webhook\"\n"
    "[core.auth_api.webhook]\n"
    "url = \"http://auth-api:8000\"\n"
    "[core.auth_api.dev]\n"
    "gateway_app_id = \"any\"\n"
    "[core.onboard]\n"
    "enabled = true\n"
    "auto_bootstrap_domain = \"\"\n"
    "quote_enabled = true\n"
    "address = \"0.0.0.0\"\n"
    "port = 8000\n"
    "token = \"\"\n"
    "plain_handover = false\n"
    "expected_ca_pubkey = \"\"\n"
    "expected_k256_pubkey = \"\"\n"
    "[core.admin]\n"
    "enabled = false\n"
    "address = \"127.0.0.1\"\n"
    "port = 8001\n"
    "auth_token = \"\"\n"
    "htpasswd_file = \"\"\n"
    "insecure_no_auth = false\n"
    "[core.audit]\n"
    "enabled = true\n"
    "dir = \"\"\n"
    "sync = false\n"
    "[core.metrics]\n"
    "enabled = true\n"
    "[core.attestation]\n"
    "collateral_cache_dir = \"/var/cache/dstack-kms/collateral\"\n"
    "insecure_skip_pccs_tls_verify = false\n"
    "insecure_allow_external_trust_anchors = false\n";

/* Keys of the reference that this program has no use for, so that its configuration files do not draw warnings. */
static const char *const accepted_keys[] = {"default",
                                            "rpc.keep_alive",
                                            "rpc.max_blocking",
                                            "rpc.ident",
                                            "rpc.temp_dir",
                                            "rpc.log_level",
                                            "core.subject_postfix",
                                            "core.onboard.workers",
                                            NULL};

static gboolean get_text_or_null(Config *layers, const char *key, const char **out, GError **error) {
  *out = NULL;
  if (!config_has(layers, key))
    return TRUE;
  if (!config_get_string(layers, key, out, error))
    return FALSE;
  if (strspn(*out, " \t") == strlen(*out))
    *out = NULL;
  return TRUE;
}

static gboolean get_address(Config *layers, const char *table, char **out, GError **error) {
  g_autofree char *address_key = g_strconcat(table, ".address", NULL);
  g_autofree char *port_key = g_strconcat(table, ".port", NULL);
  const char *address;
  guint64 port;
  if (!config_get_string(layers, address_key, &address, error) ||
      !config_get_uint(layers, port_key, 65535, &port, error))
    return FALSE;
  *out = strchr(address, ':') ? g_strdup_printf("[%s]:%u", address, (guint)port)
                              : g_strdup_printf("%s:%u", address, (guint)port);
  return TRUE;
}

static gboolean read_limits(KmsConfig *config, GError **error) {
  config->limits = g_array_new(FALSE, FALSE, sizeof(MethodLimit));
  json_t *table = (json_t *)config_get_json(config->layers, "rpc.limits");
  const char *name;
  json_t *ignored;
  json_object_foreach(table, name, ignored) {
    g_autofree char *key = g_strconcat("rpc.limits.", name, NULL);
    MethodLimit limit = {.name = name};
    if (!config_get_size(config->layers, key, &limit.bytes, error))
      return FALSE;
    limit.bytes = MIN(limit.bytes, MAX_METHOD_BYTES);
    g_array_append_val(config->limits, limit);
  }
  return TRUE;
}

/* The files are cert_dir's in any case; a file elsewhere would silently not be used. */
static gboolean check_tls_path(KmsConfig *config, const char *key, const char *name, GError **error) {
  const char *path;
  if (!get_text_or_null(config->layers, key, &path, error))
    return FALSE;
  g_autofree char *expected = g_build_filename(config->cert_dir, name, NULL);
  if (path && strcmp(path, expected) != 0)
    log_warn("%s: %s is not used; the certificate and key are those in core.cert_dir",
             config_origin(config->layers, key), key);
  return TRUE;
}

static gboolean read_rpc(KmsConfig *config, GError **error) {
  guint64 workers;
  if (!get_address(config->layers, "rpc", &config->rpc_address, error) ||
      !config_get_uint(config->layers, "rpc.workers", MAX_WORKERS, &workers, error) ||
      !config_get_bool(config->layers, "rpc.tls.mutual.mandatory", &config->client_certificate_required, error))
    return FALSE;
  config->workers = (guint)MAX(workers, 1);
  return read_limits(config, error) && check_tls_path(config, "rpc.tls.key", "rpc.key", error) &&
         check_tls_path(config, "rpc.tls.certs", "rpc.crt", error) &&
         check_tls_path(config, "rpc.tls.mutual.ca_certs", "tmp-ca.crt", error);
}

static gboolean read_auth(KmsConfig *config, GError **error) {
  const char *type;
  if (!config_get_string(config->layers, "core.site_name", &config->site_name, error) ||
      !config_get_bool(config->layers, "core.enforce_self_authorization", &config->enforce_self_authorization, error))
    return FALSE;
  if (!get_text_or_null(config->layers, "core.admin_token_hash", &config->admin_token_hash, error))
    return FALSE;
  if (!config_get_string(config->layers, "core.auth_api.type", &type, error) ||
      !config_get_string(config->layers, "core.auth_api.webhook.url", &config->webhook_url, error) ||
      !config_get_string(config->layers, "core.auth_api.dev.gateway_app_id", &config->dev_gateway_app_id, error))
    return FALSE;
  if (strcmp(type, "webhook") != 0 && strcmp(type, "dev") != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: core.auth_api.type: expected \"webhook\" or \"dev\"",
                config_origin(config->layers, "core.auth_api.type"));
    return FALSE;
  }
  config->auth_type = strcmp(type, "dev") == 0 ? AUTH_DEV : AUTH_WEBHOOK;
  return TRUE;
}

static gboolean read_admin(KmsConfig *config, GError **error) {
  Config *layers = config->layers;
  return config_get_bool(layers, "core.admin.enabled", &config->admin_enabled, error) &&
         get_address(layers, "core.admin", &config->admin_address, error) &&
         config_get_string(layers, "core.admin.auth_token", &config->admin_token, error) &&
         config_get_string(layers, "core.admin.htpasswd_file", &config->admin_htpasswd_file, error) &&
         config_get_bool(layers, "core.admin.insecure_no_auth", &config->admin_insecure_no_auth, error);
}

static gboolean read_audit(KmsConfig *config, GError **error) {
  gboolean enabled;
  const char *dir;
  if (!config_get_bool(config->layers, "core.audit.enabled", &enabled, error) ||
      !config_get_string(config->layers, "core.audit.dir", &dir, error) ||
      !config_get_bool(config->layers, "core.audit.sync", &config->audit_sync, error))
    return FALSE;
  if (enabled)
    config->audit_dir = *dir ? g_strdup(dir) : g_build_filename(config->cert_dir, "audit", NULL);
  return TRUE;
}

/* The reference's default address is the KMS's own port, so there is none here. */
static gboolean read_image_download(KmsConfig *config, GError **error) {
  if (!get_text_or_null(config->layers, "core.image.download_url", &config->image_download_url, error) ||
      !config_get_duration(config->layers, "core.image.download_timeout", &config->image_download_timeout_ms, error))
    return FALSE;
  const char *url = config->image_download_url;
  if (!url ||
      ((g_str_has_prefix(url, "http://") || g_str_has_prefix(url, "https://")) && strstr(url, "{OS_IMAGE_HASH}")))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "%s: core.image.download_url: expected an http url with {OS_IMAGE_HASH}",
              config_origin(config->layers, "core.image.download_url"));
  return FALSE;
}

static gboolean read_image(KmsConfig *config, GError **error) {
  if (!config_get_bool(config->layers, "core.image.verify", &config->verify_image, error) ||
      !config_get_string(config->layers, "core.image.cache_dir", &config->image_cache_dir, error))
    return FALSE;
  if (!read_image_download(config, error))
    return FALSE;
  if (config->verify_image || config->auth_type == AUTH_DEV)
    return TRUE;
  g_set_error(
      error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
      "%s: core.image.verify: false is only possible with auth_api type \"dev\": without it any software would get "
      "the keys of an allowed image",
      config_origin(config->layers, "core.image.verify"));
  return FALSE;
}

static gboolean read_onboard(KmsConfig *config, GError **error) {
  gboolean attest_rpc_cert;
  if (!config_get_bool(config->layers, "core.onboard.enabled", &config->onboard_enabled, error) ||
      !config_get_string(config->layers, "core.onboard.auto_bootstrap_domain", &config->auto_bootstrap_domain, error) ||
      !config_get_string(config->layers, "core.onboard.token", &config->onboard_token, error) ||
      !config_get_string(config->layers, "core.onboard.expected_ca_pubkey", &config->expected_ca_pubkey, error) ||
      !config_get_string(config->layers, "core.onboard.expected_k256_pubkey", &config->expected_k256_pubkey, error) ||
      !config_get_bool(config->layers, "core.onboard.plain_handover", &config->plain_handover, error) ||
      !config_get_bool(config->layers, "core.onboard.quote_enabled", &config->quote_enabled, error) ||
      !config_get_bool(config->layers, "core.attest_rpc_cert", &attest_rpc_cert, error) ||
      !get_address(config->layers, "core.onboard", &config->onboard_address, error))
    return FALSE;
  config->quote_enabled = config->quote_enabled && attest_rpc_cert;
  if (*config->auto_bootstrap_domain && !kms_domain_check(config->auto_bootstrap_domain, error)) {
    g_prefix_error(error, "core.onboard.auto_bootstrap_domain: ");
    return FALSE;
  }
  return TRUE;
}

static gboolean read_attestation(KmsConfig *config, GError **error) {
  Config *layers = config->layers;
  const char *newer_pccs_url;
  if (!config_get_bool(layers, "core.attestation.insecure_allow_external_trust_anchors", &config->allow_external_root,
                       error) ||
      !get_text_or_null(layers, "core.attestation.root_ca.tdx", &config->root_ca_path, error) ||
      !get_text_or_null(layers, "core.attestation.collateral_file", &config->collateral_path, error) ||
      !get_text_or_null(layers, "core.attestation.collateral_cache_dir", &config->collateral_cache_dir, error) ||
      !config_get_bool(layers, "core.attestation.insecure_skip_pccs_tls_verify", &config->insecure_pccs_tls, error) ||
      !get_text_or_null(layers, "core.attestation.urls.pccs", &newer_pccs_url, error) ||
      !get_text_or_null(layers, "core.pccs_url", &config->pccs_url, error))
    return FALSE;
  if (newer_pccs_url)
    config->pccs_url = newer_pccs_url;
  if (!config->root_ca_path || config->allow_external_root)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              "%s: core.attestation.root_ca.tdx needs core.attestation.insecure_allow_external_trust_anchors = true",
              config_origin(layers, "core.attestation.root_ca.tdx"));
  return FALSE;
}

/* Three processes of one user could read each other's files: the key files would be one parser's mistake away. */
static gboolean check_isolation(const KmsConfig *config, GError **error) {
  const char *users[] = {config->front_user, config->verifier_user, config->keyholder_user};
  gboolean apart = geteuid() == 0;
  for (guint i = 0; i < G_N_ELEMENTS(users); i++)
    apart = apart && *users[i] && strcmp(users[i], users[(i + 1) % G_N_ELEMENTS(users)]) != 0;
  if (apart || config->insecure_shared_user)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED,
              "front, verifier and key holder would run as the same user: start as root with three users in core.isolation, "
              "or, knowing the risk, set core.isolation.insecure_shared_user");
  return FALSE;
}

static gboolean read_isolation(KmsConfig *config, GError **error) {
  return config_get_bool(config->layers, "core.isolation.insecure_shared_user", &config->insecure_shared_user, error) &&
         config_get_string(config->layers, "core.isolation.front_user", &config->front_user, error) &&
         config_get_string(config->layers, "core.isolation.verifier_user", &config->verifier_user, error) &&
         config_get_string(config->layers, "core.isolation.keyholder_user", &config->keyholder_user, error) &&
         check_isolation(config, error);
}

KmsConfig *kms_config_read(Config *layers, GError **error) {
  g_autoptr(KmsConfig) config = g_new0(KmsConfig, 1);
  config->layers = layers;
  if (!config_get_string(layers, "core.cert_dir", &config->cert_dir, error) || !read_rpc(config, error) ||
      !read_auth(config, error) || !read_admin(config, error) || !read_audit(config, error) || !read_image(config, error) || !read_onboard(config, error) ||
      !read_attestation(config, error) || !read_isolation(config, error) ||
      !config_get_bool(layers, "core.metrics.enabled", &config->metrics_enabled, error))
    return NULL;
  for (const char *const *key = accepted_keys; *key; key++)
    (void)config_get_json(layers, *key); /* marks it as known */
  return g_steal_pointer(&config);
}

KmsConfig *kms_config_load(const char *path, GError **error) {
  g_autoptr(Config) layers = config_new(defaults);
  if (!config_add_standard_files(layers, "kms", path, error))
    return NULL;
  return kms_config_read(g_steal_pointer(&layers), error);
}

void kms_config_free(KmsConfig *config) {
  if (!config)
    return;
  g_free(config->rpc_address);
  g_free(config->onboard_address);
  g_free(config->admin_address);
  g_free(config->audit_dir);
  g_clear_pointer(&config->limits, g_array_unref);
  config_free(config->layers);
  g_free(config);
}

void kms_config_warn(const KmsConfig *config) {
  config_warn_unknown(config->layers);
  if (config->auth_type == AUTH_DEV)
    log_warn("DEVELOPMENT ONLY: auth_api type \"dev\" gives keys to every attested app; nobody is asked");
  else if (!config->enforce_self_authorization)
    log_warn("DEVELOPMENT ONLY: core.enforce_self_authorization is false: nobody is asked whether this KMS itself is allowed");
  if (config->insecure_shared_user)
    log_warn("INSECURE: core.isolation.insecure_shared_user is set: front, verifier and key holder may run as one user");
  if (config->plain_handover)
    log_warn("INSECURE: core.onboard.plain_handover is set: root keys that another KMS asks for pass through the front");
  if (config->admin_enabled && config->admin_insecure_no_auth)
    log_warn("INSECURE: core.admin.insecure_no_auth is set: whoever reaches http://%s is the administrator", config->admin_address);
  if (!config->audit_dir)
    log_warn("core.audit.enabled is false: nobody will be able to tell which keys were released");
  if (!config->verify_image)
    log_warn("DEVELOPMENT ONLY: core.image.verify is false: any software may claim to be any image");
  if (!config->quote_enabled)
    log_warn("DEVELOPMENT ONLY: the KMS's own certificate carries no evidence: nobody can tell that it runs in a TEE");
  if (config->root_ca_path)
    log_warn("DEVELOPMENT ONLY: quotes are trusted under the external root %s: such evidence may be simulated",
             config->root_ca_path);
}
