/* Containers of the compose project whose service is no longer in the compose file (spec: guest-os 12.3). */
#pragma once

#include <glib.h>

typedef struct {
  const char *project;
  char **services;
  gboolean dry_run; /* only log what would go */
} OrphanRule;

/* TRUE for a container of the project with a service that is not in the list; `labels` may lack either label. */
gboolean orphan_matches(const OrphanRule *rule, const char *project_label, const char *service_label);
/* Asks the Docker daemon at `docker_url` (such as "unix:/var/run/docker.sock"): force-removes, with volumes. */
gboolean orphans_remove(const OrphanRule *rule, const char *docker_url, GError **error);
/* Without a daemon: deletes <docker_root>/containers/<id> by the labels in its config.v2.json. */
gboolean orphans_remove_offline(const OrphanRule *rule, const char *docker_root, GError **error);
