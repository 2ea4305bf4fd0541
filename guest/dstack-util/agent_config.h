/* What setup leaves in the work directory for the programs that start after it (spec: guest-os 8, step 9). */
#pragma once

#include <glib.h>

/* Writes agent.json, and the links app-compose.json and user_config into .host-shared. `pccs_url` may be NULL. */
gboolean agent_config_write(const char *work_dir, const char *mount_point, const char *pccs_url, GError **error);
