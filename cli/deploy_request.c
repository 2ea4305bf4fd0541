#include "cli/deploy_request.h"

#include "cli/client.h"
#include "cli/env_policy.h"
#include "cli/kms_key.h"
#include "cli/port_spec.h"
#include "cli/size.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "crypto/envelope.h"

#include <string.h>

#define MAX_COMPOSE_BYTES (256 * 1024)
#define MAX_USER_CONFIG_BYTES (1024 * 1024)
#define APP_ID_SIZE 20
#define DEFAULT_MEMORY_MB 1024
#define DEFAULT_DISK_GB 20

void deploy_app_clear(DeployApp *app) {
  g_clear_pointer(&app->compose_file, g_free);
  g_clear_pointer(&app->compose_hash, g_free);
  g_clear_pointer(&app->app_id, g_free);
  env_file_clear(&app->env);
}

static char *app_id_of(const DeployOptions *options, const char *compose_hash, GError **error) {
  guint8 bytes[APP_ID_SIZE];
  if (!options->app_id)
    return g_strndup(compose_hash, 2 * APP_ID_SIZE);
  const char *digits = g_str_has_prefix(options->app_id, "0x") ? options->app_id + 2 : options->app_id;
  if (hex_decode_fixed(digits, bytes, sizeof bytes, error))
    return g_ascii_strdown(digits, -1);
  g_prefix_error(error, "--app-id: ");
  return NULL;
}

/* Takes `text`. */
static char *make_compose(const DeployOptions *options, char *text, const EnvFile *env, GError **error) {
  g_autofree char *owned = text;
  if (app_compose_recognize(text))
    return env_policy_check_ready(&options->compose, env, options->compose_path, text, error) ? g_steal_pointer(&owned) : NULL;
  return env_policy_check_options(&options->compose, env, error)
             ? compose_options_write(&options->compose, options->name, text, env, error)
             : NULL;
}

gboolean deploy_app_read(const DeployOptions *options, DeployApp *app, GError **error) {
  *app = (DeployApp){0};
  g_autofree char *text = file_read_text(options->compose_path, MAX_COMPOSE_BYTES, error);
  if (!text || (options->compose.env_file && !env_file_read(options->compose.env_file, &app->env, error)))
    return FALSE;
  app->compose_file = make_compose(options, g_steal_pointer(&text), &app->env, error);
  if (!app->compose_file)
    return FALSE;
  app->compose_hash = app_compose_file_hash(app->compose_file);
  app->app_id = app_id_of(options, app->compose_hash, error);
  return app->app_id != NULL;
}

/* ---- request ---- */

static char *choose_image(GError **error) {
  g_autoptr(PrpcMessage) message = cli_call("ListImages", NULL, &vmm__image_list_response__descriptor, error);
  if (!message)
    return NULL;
  const Vmm__ImageListResponse *images = (const Vmm__ImageListResponse *)message;
  if (images->n_images == 1)
    return g_strdup(images->images[0]->name);
  g_autoptr(GString) names = g_string_new(NULL);
  for (gsize i = 0; i < images->n_images; i++)
    g_string_append_printf(names, "%s%s", i ? ", " : "", images->images[i]->name);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
              images->n_images ? "choose an image with --image: %s" : "the VMM has no image%s", names->str);
  return NULL;
}

static gboolean set_sizes(const DeployOptions *options, Vmm__VmConfiguration *request, GError **error) {
  request->vcpu = (guint32)options->vcpu;
  request->memory = DEFAULT_MEMORY_MB;
  request->disk_size = DEFAULT_DISK_GB;
  return (!options->memory || size_parse_memory(options->memory, &request->memory, error)) &&
         (!options->disk || size_parse_disk(options->disk, &request->disk_size, error));
}

static gboolean add_ports(const DeployOptions *options, Vmm__VmConfiguration *request, GError **error) {
  guint count = options->ports ? g_strv_length(options->ports) : 0;
  request->ports = g_new0(Vmm__PortMapping *, count + 1);
  for (guint i = 0; i < count; i++) {
    g_auto(PortSpec) spec = {0};
    if (!port_spec_parse(options->ports[i], &spec, error))
      return FALSE;
    Vmm__PortMapping *port = (Vmm__PortMapping *)prpc_message_new(&vmm__port_mapping__descriptor);
    prpc_set_string(&port->protocol, spec.udp ? "udp" : "tcp");
    prpc_set_string(&port->host_address, spec.address);
    port->host_port = spec.host_port;
    port->vm_port = spec.vm_port;
    request->ports[request->n_ports++] = port;
  }
  return TRUE;
}

static gboolean add_user_config(const DeployOptions *options, Vmm__VmConfiguration *request, GError **error) {
  if (!options->user_config)
    return TRUE;
  g_autofree char *text = file_read_text(options->user_config, MAX_USER_CONFIG_BYTES, error);
  if (text)
    prpc_set_string(&request->user_config, text);
  return text != NULL;
}

static void add_urls(char **from, size_t *count, char ***to) {
  *count = from ? g_strv_length(from) : 0;
  *to = from ? g_strdupv(from) : NULL;
}

static gboolean fill(const DeployOptions *options, const DeployApp *app, Vmm__VmConfiguration *request, GError **error) {
  g_autofree char *image = options->image ? g_strdup(options->image) : choose_image(error);
  if (!image || !set_sizes(options, request, error) || !add_ports(options, request, error) ||
      !add_user_config(options, request, error))
    return FALSE;
  prpc_set_string(&request->name, options->name);
  prpc_set_string(&request->image, image);
  prpc_set_string(&request->compose_file, app->compose_file);
  prpc_set_optional_string(&request->base, "app_id", app->app_id);
  add_urls(options->kms_urls, &request->n_kms_urls, &request->kms_urls);
  add_urls(options->gateway_urls, &request->n_gateway_urls, &request->gateway_urls);
  request->stopped = options->stopped;
  request->pin_numa = options->pin_numa;
  request->hugepages = options->hugepages;
  return TRUE;
}

Vmm__VmConfiguration *deploy_request_new(const DeployOptions *options, const DeployApp *app, GError **error) {
  Vmm__VmConfiguration *request = (Vmm__VmConfiguration *)prpc_message_new(&vmm__vm_configuration__descriptor);
  if (fill(options, app, request, error))
    return request;
  prpc_message_free(&request->base);
  return NULL;
}

/* ---- environment ---- */

gboolean deploy_request_encrypt(const DeployOptions *options, const DeployApp *app, Vmm__VmConfiguration *request,
                                char **key_hex, GError **error) {
  guint8 key[ENV_KEY_SIZE];
  if (!kms_key_fetch(options, app->app_id, key, error)) {
    g_prefix_error(error, "failed to encrypt the environment: ");
    return FALSE;
  }
  g_autoptr(Secret) plaintext = env_file_plaintext(&app->env);
  g_autoptr(GBytes) envelope = envelope_seal(key, secret_peek(plaintext), secret_len(plaintext), error);
  if (!envelope)
    return FALSE;
  prpc_set_gbytes(&request->encrypted_env, envelope);
  *key_hex = hex_encode(key, sizeof key);
  return TRUE;
}
