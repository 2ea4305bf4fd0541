#include "vmm/config.h"

#include "vmm/address.h"
#include "vmm/config_defaults.h"
#include "vmm/qemu_path.h"

#include "base/config.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/units.h"
#include "cvm/sys_config.h"

#include <string.h>

#define MIN_CID 3 /* 0 to 2 are reserved */
#define MAX_WORKERS 256
#define MAX_LOG_BACKUPS 100
#define MAX_BODY_LIMIT (1 << 30)
#define MAX_SECONDS (7 * 24 * 3600)
#define SEED_BYTES 32

void vmm_config_free(VmmConfig *config) {
  if (!config)
    return;
  char *strings[] = {config->address,         config->kms_url,        config->image_path,          config->run_path,
                     config->qemu_path,       config->pccs_url,       config->docker_registry,     config->qemu_version,
                     config->host_share_mode, config->simulator_seed, config->vsock_device_path,   config->user_net,
                     config->user_dhcp_start, config->custom_netdev,  config->port_address,        config->base_domain,
                     config->htpasswd_file,   config->supervisor_exe, config->supervisor_sock,     config->supervisor_pid_file,
                     config->supervisor_log_file};
  for (guint i = 0; i < G_N_ELEMENTS(strings); i++)
    g_free(strings[i]);
  char **lists[] = {config->kms_urls, config->gateway_urls, config->auth_tokens};
  for (guint i = 0; i < G_N_ELEMENTS(lists); i++)
    g_strfreev(lists[i]);
  if (config->port_ranges)
    g_array_unref(config->port_ranges);
  json_decref(config->limits);
  g_free(config);
}

/* ---- typed readers ---- */

static gboolean text(Config *files, const char *key, char **out, GError **error) {
  const char *value;
  if (!config_get_string(files, key, &value, error))
    return FALSE;
  *out = g_strdup(value);
  return TRUE;
}

static gboolean number(Config *files, const char *key, guint64 least, guint64 most, guint32 *out, GError **error) {
  guint64 value;
  if (!config_get_uint(files, key, most, &value, error))
    return FALSE;
  if (value < least) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s: expected at least %" G_GUINT64_FORMAT,
                config_origin(files, key), key, least);
    return FALSE;
  }
  *out = (guint32)value;
  return TRUE;
}

static gboolean optional_bool(Config *files, const char *key, OptionalBool *out, GError **error) {
  gboolean value;
  *out = OPTION_UNSET;
  if (!config_has(files, key))
    return TRUE;
  if (!config_get_bool(files, key, &value, error))
    return FALSE;
  *out = value ? OPTION_TRUE : OPTION_FALSE;
  return TRUE;
}

/* Reads one of a few words; *out gets its place in the list. */
static gboolean choice(Config *files, const char *key, const char *const *words, int *out, GError **error) {
  const char *value;
  if (!config_get_string(files, key, &value, error))
    return FALSE;
  for (int i = 0; words[i]; i++)
    if (strcmp(value, words[i]) == 0) {
      *out = i;
      return TRUE;
    }
  g_autofree char *expected = g_strjoinv(", ", (char **)words);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s: '%s' is none of: %s", config_origin(files, key), key, value,
              expected);
  return FALSE;
}

static gboolean refuse(Config *files, const char *key, const char *reason, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: %s: %s", config_origin(files, key), key, reason);
  return FALSE;
}

/* ---- groups of keys ---- */

/* Paths go into QEMU's option strings, where a comma would begin another option. */
static gboolean directory(Config *files, const char *key, const char *fallback, char **out, GError **error) {
  g_autofree char *value = NULL;
  if (!text(files, key, &value, error))
    return FALSE;
  *out = *value ? g_canonicalize_filename(value, NULL) : g_build_filename(g_get_home_dir(), ".dstack-vmm", fallback, NULL);
  return strchr(*out, ',') ? refuse(files, key, "a comma is not possible in this path", error) : TRUE;
}

/* "10MiB" as the reference has it, besides the sizes of every other key. */
static gboolean parse_limit(const char *text, guint64 *bytes) {
  static const struct {
    const char *name;
    guint64 factor;
  } units[] = {{"kB", 1000}, {"MB", 1000000}, {"GB", 1000000000}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
  for (guint i = 0; i < G_N_ELEMENTS(units); i++) {
    g_autofree char *digits = g_str_has_suffix(text, units[i].name) ? g_strndup(text, strlen(text) - strlen(units[i].name)) : NULL;
    if (!digits)
      continue;
    gboolean good = g_ascii_string_to_unsigned(g_strchomp(digits), 10, 0, G_MAXINT64 / units[i].factor, bytes, NULL);
    *bytes *= good ? units[i].factor : 0;
    return good;
  }
  return units_parse_size(text, bytes, NULL);
}

static gboolean read_limits(Config *files, VmmConfig *config, GError **error) {
  const json_t *limits = config_get_json(files, "limits");
  const char *method;
  json_t *value;
  config->limits = json_object();
  if (limits && !json_is_object(limits))
    return refuse(files, "limits", "expected a table of methods and sizes", error);
  json_object_foreach((json_t *)limits, method, value) {
    guint64 bytes = json_is_integer(value) ? (guint64)MAX(json_integer_value(value), 0) : 0;
    g_autofree char *key = g_strconcat("limits.", method, NULL);
    if ((json_is_string(value) && !parse_limit(json_string_value(value), &bytes)) || bytes < 1 || bytes > MAX_BODY_LIMIT)
      return refuse(files, key, "expected a number of bytes or a size such as \"10MiB\", at most 1 GiB", error);
    json_object_set_new(config->limits, method, json_integer((json_int_t)bytes));
  }
  return TRUE;
}

static gboolean read_root(Config *files, VmmConfig *config, GError **error) {
  g_autofree char *address = NULL;
  guint32 workers, port = 0;
  if (!text(files, "address", &address, error) || !number(files, "workers", 1, MAX_WORKERS, &workers, error) ||
      (config_has(files, "port") && !number(files, "port", 1, G_MAXUINT16, &port, error)) ||
      !config_get_bool(files, "reuse", &config->reuse, error) || !text(files, "kms_url", &config->kms_url, error) ||
      !directory(files, "image_path", "image", &config->image_path, error) ||
      !directory(files, "run_path", "vm", &config->run_path, error) ||
      !number(files, "event_buffer_size", 1, 1000, &config->event_buffer_size, error))
    return FALSE;
  config->workers = workers;
  config->address = listen_address(address, port);
  if (!config->address)
    return refuse(files, "address", "expected unix:PATH, IP or IP:PORT", error);
  return read_limits(files, config, error);
}

static gboolean read_simulator(Config *files, VmmConfig *config, GError **error) {
  static const char key[] = "cvm.tee_simulator.mock_attestation_seed";
  g_autofree char *seed = NULL;
  guint8 bytes[SEED_BYTES];
  if (!text(files, key, &seed, error))
    return FALSE;
  if (*seed && !hex_decode_fixed(seed, bytes, sizeof bytes, NULL))
    return refuse(files, key, "expected 64 hex digits", error);
  config->simulator_seed = *seed ? g_ascii_strdown(seed, -1) : NULL;
  return TRUE;
}

static gboolean read_host(Config *files, VmmConfig *config, GError **error) {
  static const char *const accels[] = {"auto", "kvm", "tcg", NULL};
  static const char *const tees[] = {"auto", "tdx", "simulated", NULL};
  static const char *const vsocks[] = {"auto", "vhost", "user", NULL};
  static const char *const shares[] = {"", "9p", "vhd", NULL};
  int accel, tee, vsock, share;
  if (!choice(files, "cvm.accel", accels, &accel, error) || !choice(files, "cvm.tee", tees, &tee, error) ||
      !choice(files, "cvm.vsock_backend", vsocks, &vsock, error) ||
      !choice(files, "cvm.host_share_mode", shares, &share, error) ||
      !text(files, "cvm.vsock_device_path", &config->vsock_device_path, error) || !read_simulator(files, config, error))
    return FALSE;
  config->accel = (AccelChoice)accel;
  config->tee = (TeeChoice)tee;
  config->vsock = (VsockChoice)vsock;
  config->host_share_mode = share ? g_strdup(shares[share]) : NULL;
  return TRUE;
}

static gboolean read_qemu(Config *files, VmmConfig *config, GError **error) {
  g_autofree char *path = NULL, *user = NULL;
  if (!text(files, "cvm.qemu_path", &path, error) || !text(files, "cvm.user", &user, error) ||
      !config_get_bool(files, "cvm.qmp_socket", &config->qmp_socket, error) ||
      !config_get_bool(files, "cvm.use_mrconfigid", &config->use_mrconfigid, error) ||
      !config_get_bool(files, "cvm.qemu_hotplug_off", &config->hotplug_off, error) ||
      !config_get_size(files, "cvm.qemu_pci_hole64_size", &config->pci_hole64_size, error) ||
      !optional_bool(files, "cvm.qemu_single_pass_add_pages", &config->single_pass_add_pages, error) ||
      !optional_bool(files, "cvm.qemu_pic", &config->pic, error))
    return FALSE;
  if (*user)
    return refuse(files, "cvm.user", "not implemented yet", error);
  config->qemu_path = qemu_path_find(path, error);
  if (!config->qemu_path)
    return FALSE;
  if (config_has(files, "cvm.qemu_version"))
    return text(files, "cvm.qemu_version", &config->qemu_version, error);
  g_autoptr(GError) reason = NULL;
  config->qemu_version = qemu_version_detect(config->qemu_path, &reason);
  if (!config->qemu_version)
    log_warn("the version of %s stays unknown: %s", config->qemu_path, reason->message);
  return TRUE;
}

static gboolean urls(Config *files, const char *key, char ***out, GError **error) {
  if (!config_get_strings(files, key, out, error))
    return FALSE;
  return g_strv_length(*out) <= SYS_CONFIG_MAX_URLS || refuse(files, key, "more urls than a guest takes", error);
}

static gboolean read_cvm(Config *files, VmmConfig *config, GError **error) {
  const char *urls_key = config_has(files, "cvm.tproxy_urls") ? "cvm.tproxy_urls" : "cvm.gateway_urls";
  if (!urls(files, "cvm.kms_urls", &config->kms_urls, error) ||
      !urls(files, urls_key, &config->gateway_urls, error) ||
      !text(files, "cvm.pccs_url", &config->pccs_url, error) ||
      !text(files, "cvm.docker_registry", &config->docker_registry, error) ||
      !number(files, "cvm.cid_start", MIN_CID, G_MAXUINT32 - 1, &config->cid_start, error) ||
      !number(files, "cvm.cid_pool_size", 1, G_MAXUINT32 - 1, &config->cid_pool_size, error) ||
      !number(files, "cvm.max_allocable_vcpu", 0, G_MAXUINT32, &config->max_vcpu, error) ||
      !number(files, "cvm.max_allocable_memory_in_mb", 0, G_MAXUINT32, &config->max_memory_mb, error) ||
      !config_get_bool(files, "cvm.gpu.enabled", &config->gpu, error))
    return FALSE;
  if ((guint64)config->cid_start + config->cid_pool_size > G_MAXUINT32)
    return refuse(files, "cvm.cid_pool_size", "cid_start and cid_pool_size together pass 32 bits", error);
  (void)config_get_json(files, "cvm.gpu"); /* its other keys only matter once GPUs can be attached */
  return read_host(files, config, error) && read_qemu(files, config, error);
}

static gboolean read_network(Config *files, VmmConfig *config, GError **error) {
  static const char *const modes[] = {"user", "custom", "passt", "bridge", NULL};
  int mode;
  if (!choice(files, "cvm.networking.mode", modes, &mode, error) ||
      !text(files, "cvm.networking.net", &config->user_net, error) ||
      !text(files, "cvm.networking.dhcp_start", &config->user_dhcp_start, error) ||
      !config_get_bool(files, "cvm.networking.restrict", &config->user_restrict, error) ||
      !text(files, "cvm.networking.netdev", &config->custom_netdev, error))
    return FALSE;
  if (mode > NETWORK_CUSTOM)
    return refuse(files, "cvm.networking.mode", "not implemented yet", error);
  config->network = (NetworkMode)mode;
  if (config->network == NETWORK_CUSTOM && !strstr(config->custom_netdev, "id=net0"))
    return refuse(files, "cvm.networking.netdev", "expected a netdev with id=net0", error);
  if (strchr(config->user_net, ',') || strchr(config->user_dhcp_start, ','))
    return refuse(files, "cvm.networking.net", "a comma is not possible here", error);
  (void)config_get_json(files, "cvm.networking"); /* keys of other modes are ignored */
  return TRUE;
}

static gboolean read_port_range(const json_t *item, GArray *ranges, GError **error) {
  guint64 from, to;
  const char *protocol = json_get_string(item, "protocol", "range", error);
  if (!protocol || !json_get_uint(item, "from", G_MAXUINT16, &from, "range", error) ||
      !json_get_uint(item, "to", G_MAXUINT16, &to, "range", error))
    return FALSE;
  gboolean udp = strcmp(protocol, "udp") == 0;
  if ((!udp && strcmp(protocol, "tcp") != 0) || from > to) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "range: expected tcp or udp, and from not above to");
    return FALSE;
  }
  PortRange range = {udp, (guint16)from, (guint16)to};
  g_array_append_val(ranges, range);
  return TRUE;
}

static gboolean read_ports(Config *files, VmmConfig *config, GError **error) {
  if (!config_get_bool(files, "cvm.port_mapping.enabled", &config->port_mapping, error) ||
      !text(files, "cvm.port_mapping.address", &config->port_address, error))
    return FALSE;
  IpAddress ip;
  if (!ip_parse(config->port_address, &ip))
    return refuse(files, "cvm.port_mapping.address", "expected an IP address", error);
  config->port_ranges = g_array_new(FALSE, FALSE, sizeof(PortRange));
  size_t index;
  json_t *item;
  const json_t *list = config_get_json(files, "cvm.port_mapping.range");
  if (!json_is_array(list))
    return refuse(files, "cvm.port_mapping.range", "expected an array", error);
  json_array_foreach(list, index, item) {
    if (!read_port_range(item, config->port_ranges, error)) {
      g_prefix_error(error, "%s: cvm.port_mapping: ", config_origin(files, "cvm.port_mapping.range"));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean read_restart(Config *files, VmmConfig *config, GError **error) {
  if (!config_get_bool(files, "cvm.auto_restart.enabled", &config->auto_restart, error) ||
      !number(files, "cvm.auto_restart.interval", 1, MAX_SECONDS, &config->restart_interval, error) ||
      !number(files, "cvm.auto_restart.max_retries", 0, 1000000, &config->restart_max_retries, error) ||
      !number(files, "cvm.auto_restart.initial_backoff", 1, MAX_SECONDS, &config->restart_initial_backoff, error) ||
      !number(files, "cvm.auto_restart.max_backoff", 1, MAX_SECONDS, &config->restart_max_backoff, error) ||
      !number(files, "cvm.auto_restart.reset_window", 0, MAX_SECONDS, &config->restart_reset_window, error))
    return FALSE;
  if (config->restart_initial_backoff > config->restart_max_backoff)
    return refuse(files, "cvm.auto_restart.initial_backoff", "expected at most max_backoff", error);
  return TRUE;
}

static gboolean read_logs(Config *files, VmmConfig *config, GError **error) {
  return config_get_size(files, "cvm.log.max_bytes", &config->log_max_bytes, error) &&
         number(files, "cvm.log.max_backups", 0, MAX_LOG_BACKUPS, &config->log_max_backups, error) &&
         number(files, "cvm.log.check_interval_secs", 1, MAX_SECONDS, &config->log_check_interval, error);
}

static gboolean read_services(Config *files, VmmConfig *config, GError **error) {
  return text(files, "gateway.base_domain", &config->base_domain, error) &&
         number(files, "gateway.port", 1, G_MAXUINT16, &config->gateway_port, error) &&
         number(files, "gateway.agent_port", 1, G_MAXUINT16, &config->agent_port, error) &&
         config_get_bool(files, "auth.enabled", &config->auth, error) &&
         config_get_strings(files, "auth.tokens", &config->auth_tokens, error) &&
         text(files, "auth.htpasswd_file", &config->htpasswd_file, error);
}

/* A program in the directory this one was started from. */
static char *sibling_program(const char *name) {
  g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
  g_autofree char *dir = self ? g_path_get_dirname(self) : g_strdup(".");
  return g_build_filename(dir, name, NULL);
}

static gboolean read_supervisor(Config *files, VmmConfig *config, GError **error) {
  g_autofree char *exe = NULL;
  gboolean detached;
  if (!text(files, "supervisor.exe", &exe, error) || !text(files, "supervisor.sock", &config->supervisor_sock, error) ||
      !text(files, "supervisor.pid_file", &config->supervisor_pid_file, error) ||
      !text(files, "supervisor.log_file", &config->supervisor_log_file, error) ||
      !config_get_bool(files, "supervisor.detached", &detached, error) ||
      !config_get_bool(files, "supervisor.auto_start", &config->supervisor_auto_start, error))
    return FALSE;
  if (!detached)
    log_warn("%s: supervisor.detached = false has no effect: an interrupt in this terminal would kill every vm",
             config_origin(files, "supervisor.detached"));
  config->supervisor_exe = *exe ? g_canonicalize_filename(exe, NULL) : sibling_program("dstack-supervisor");
  return *config->supervisor_sock ? TRUE : refuse(files, "supervisor.sock", "expected a path", error);
}

static gboolean read_host_api(Config *files, VmmConfig *config, GError **error) {
  g_autofree char *address = NULL;
  if (!text(files, "host_api.address", &address, error) ||
      !number(files, "host_api.port", 1, G_MAXUINT32 - 1, &config->host_api_port, error))
    return FALSE;
  guint64 cid;
  const char *digits = g_str_has_prefix(address, "vsock:") ? address + strlen("vsock:") : "";
  gboolean hex = g_str_has_prefix(digits, "0x");
  if (!g_ascii_string_to_unsigned(digits + (hex ? 2 : 0), hex ? 16 : 10, 0, G_MAXUINT32, &cid, NULL))
    return refuse(files, "host_api.address", "expected vsock:CID", error);
  config->host_api_cid = (guint32)cid;
  (void)config_get_json(files, "host_api");     /* overlays of server settings without meaning here */
  (void)config_get_json(files, "key_provider"); /* the sealing-key relay is not implemented yet */
  return TRUE;
}

VmmConfig *vmm_config_load(const char *path, GError **error) {
  g_autoptr(Config) files = config_new(vmm_config_defaults);
  if (!config_add_standard_files(files, "vmm", path, error))
    return NULL;
  g_autoptr(VmmConfig) config = g_new0(VmmConfig, 1);
  if (!read_root(files, config, error) || !read_cvm(files, config, error) || !read_network(files, config, error) ||
      !read_ports(files, config, error) || !read_restart(files, config, error) || !read_logs(files, config, error) || !read_services(files, config, error) ||
      !read_supervisor(files, config, error) || !read_host_api(files, config, error))
    return NULL;
  static const char *const unused[] = {"max_blocking", "ident", "temp_dir", "keep_alive", "log_level", "node_name"};
  for (guint i = 0; i < G_N_ELEMENTS(unused); i++)
    (void)config_has(files, unused[i]); /* known to the reference, without meaning here */
  config_warn_unknown(files);
  return g_steal_pointer(&config);
}
