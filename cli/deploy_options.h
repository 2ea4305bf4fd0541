/* What `dstack deploy` was asked for. */
#pragma once

#include "cli/compose_options.h"

#include <glib.h>

typedef struct {
  char *compose_path, *name, *image, *memory, *disk, *user_config, *app_id, *kms_encrypt_url;
  gint vcpu, timeout_s;
  char **ports, **kms_urls, **gateway_urls, **kms_signers; /* NULL: none given */
  gboolean stopped, wait, require_dated_key, dry_run, pin_numa, hugepages;
  ComposeOptions compose;
} DeployOptions;

/* Reads the command line. FALSE after having told the mistake. */
gboolean deploy_options_parse(DeployOptions *options, int argc, char **argv);
void deploy_options_clear(DeployOptions *options);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(DeployOptions, deploy_options_clear)
