#include "cli/boot_watch.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "cli/deploy_request.h"

#include "base/json.h"

#include <stdio.h>

static void print_json(json_t *object) {
  char *text = json_dumps(object, JSON_INDENT(2));
  puts(text);
  free(text);
  json_decref(object);
}

static int dry_run(const DeployApp *app) {
  if (cli_options.json)
    print_json(json_pack("{s:s, s:s, s:s, s:b}", "composeHash", app->compose_hash, "appId", app->app_id, "appCompose",
                         app->compose_file, "dryRun", TRUE));
  else
    printf("%s\nCompose hash: %s\nApp ID: %s\n", app->compose_file, app->compose_hash, app->app_id);
  return CLI_DONE;
}

/* The environment is for an app that the KMS gives keys to: any other would never see it. */
static gboolean encrypt(const DeployOptions *options, const DeployApp *app, Vmm__VmConfiguration *request, GError **error) {
  if (!app->env.keys || app->env.keys->len == 0)
    return TRUE;
  g_autofree char *key = NULL;
  if (!deploy_request_encrypt(options, app, request, &key, error))
    return FALSE;
  if (!cli_options.json)
    printf("Encrypting environment variables with key: %s\n", key);
  return TRUE;
}

static char *create(const DeployOptions *options, const DeployApp *app, Vmm__VmConfiguration *request, GError **error) {
  if (!encrypt(options, app, request, error))
    return NULL;
  g_autoptr(PrpcMessage) answer = cli_call("CreateVm", &request->base, &vmm__id__descriptor, error);
  return answer ? g_strdup(((const Vmm__Id *)answer)->id) : NULL;
}

static void report(const DeployApp *app, const Vmm__VmConfiguration *request, const char *id, double seconds) {
  json_t *ports = json_array();
  for (gsize i = 0; i < request->n_ports; i++) {
    const Vmm__PortMapping *port = request->ports[i];
    json_array_append_new(ports, json_pack("{s:I, s:I, s:s}", "vmPort", (json_int_t)port->vm_port, "hostPort",
                                           (json_int_t)port->host_port, "hostAddress", port->host_address));
    if (!cli_options.json)
      printf("app :%u -> http://%s:%u/\n", port->vm_port, port->host_address, port->host_port);
  }
  json_t *object = json_pack("{s:s, s:s, s:s, s:o}", "vmId", id, "appId", app->app_id, "composeHash", app->compose_hash,
                             "ports", ports);
  if (seconds > 0)
    json_object_set_new(object, "bootSeconds", json_real(seconds));
  if (cli_options.json)
    print_json(object);
  else
    json_decref(object);
}

static int deploy(const DeployOptions *options, const DeployApp *app) {
  GError *error = NULL;
  Vmm__VmConfiguration *request = deploy_request_new(options, app, &error);
  if (!request)
    return cli_fail(error);
  if (!cli_options.json)
    printf("App ID: %s\n", app->app_id);
  g_autofree char *id = create(options, app, request, &error);
  gboolean done = id != NULL;
  double seconds = 0;
  if (done && !cli_options.json)
    printf("Created VM with ID: %s\n", id);
  (void)fflush(stdout); /* before the stages, which go to standard error */
  if (done && options->wait)
    done = boot_watch(id, 0, (guint)options->timeout_s, !cli_options.json, &seconds, &error);
  if (done)
    report(app, request, id, seconds);
  prpc_message_free(&request->base);
  return done ? CLI_DONE : cli_fail(error);
}

int cli_deploy(int argc, char **argv) {
  g_auto(DeployOptions) options = {0};
  g_auto(DeployApp) app = {0};
  GError *error = NULL;
  if (!deploy_options_parse(&options, argc, argv))
    return CLI_USAGE;
  if (!deploy_app_read(&options, &app, &error))
    return cli_fail(error);
  return options.dry_run ? dry_run(&app) : deploy(&options, &app);
}
