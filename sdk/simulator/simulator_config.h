/* The simulator's own keys, table [default.core.simulator], beside those of the agent (spec: prpc-and-agent-api 10). */
#pragma once

#include "base/config.h"

#include <glib.h>

/* TOML text: the agent's defaults for a working directory instead of a CVM. */
extern const char simulator_config_defaults[];

typedef struct {
  char *seed_file;         /* hex of 32 bytes; made when missing */
  char *state_dir;         /* registers and runtime log: the simulated machine's power */
  char *anchors_dir;       /* root.pem and collateral.json for verifiers on this machine; readable by everybody */
  char *measurements_file; /* {"mrtd","boot_log"[,"mr_config_id"]}; NULL: made-up measurements */
  char *kms_url;           /* NULL: keys_file must be there */
  GBytes *app_id;          /* of an app that was upgraded since its first deployment; NULL: that of the compose file */
} SimulatorConfig;

SimulatorConfig *simulator_config_new(Config *config, GError **error);
void simulator_config_free(SimulatorConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SimulatorConfig, simulator_config_free)
