/* Turns the options of `dstack deploy` into the request to the VMM. */
#pragma once

#include "cli/deploy_options.h"

#include "vmm.pb-c.h"

#include <glib.h>

typedef struct {
  char *compose_file; /* the bytes that are deployed */
  char *compose_hash, *app_id;
  EnvFile env;
} DeployApp;

void deploy_app_clear(DeployApp *app);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeployApp, deploy_app_clear)

/* Reads the files and makes the app: nothing is asked of anybody. */
gboolean deploy_app_read(const DeployOptions *options, DeployApp *app, GError **error);
/* A VmConfiguration without the encrypted environment. Chooses the image when the VMM has just one. */
Vmm__VmConfiguration *deploy_request_new(const DeployOptions *options, const DeployApp *app, GError **error);
/* Fetches and verifies the key for this app and encrypts the environment into the request. `key_hex` gets the key. */
gboolean deploy_request_encrypt(const DeployOptions *options, const DeployApp *app, Vmm__VmConfiguration *request,
                                char **key_hex, GError **error);
