/* app-compose.json: what the app's owner measured (spec: guest-os 5).
 *
 * The bytes are hashed exactly as given and parsed from the same copy. Unknown members are ignored, a known member of
 * the wrong type is an error, and members of newer versions that would change what is enforced are refused rather than
 * ignored. */
#pragma once

#include "crypto/digest.h"
#include "tdx/mr_config.h"

#include <glib.h>

#define COMPOSE_MAX_SIZE (256 * 1024)

typedef struct {
  char *text; /* the file as it is, verbatim */
  guint8 hash[SHA256_SIZE];
  char *name;
  char *runner;
  char *docker_compose_file; /* NULL: none, as the next three */
  char *pre_launch_script;
  char *init_script;
  char *storage_fs;
  gboolean gateway_enabled;
  gboolean public_logs, public_sysinfo, public_tcbinfo;
  gboolean no_instance_id;
  gboolean secure_time;
  KeyProviderKind key_provider; /* resolved from key_provider and the older booleans */
  GBytes *key_provider_id;      /* empty: not pinned */
  char **allowed_envs;
  guint64 swap_size;       /* bytes */
  guint event_log_version; /* digest rule of runtime events, 1 or 2 */
} AppCompose;

/* Error INVALID with the member's name; NOT_IMPLEMENTED for features of newer manifests. */
AppCompose *app_compose_parse(const char *text, gsize len, GError **error);
AppCompose *app_compose_load(const char *path, GError **error);
/* Whether this version can run it, as far as the compose alone says. The VMM asks before it makes a VM, the guest before it boots
 * on: so a VM is refused rather than made to fail. Error NOT_IMPLEMENTED or INVALID, with the member's name. */
gboolean app_compose_check_supported(const AppCompose *compose, GError **error);
void app_compose_free(AppCompose *compose);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AppCompose, app_compose_free)
