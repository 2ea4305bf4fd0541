/* Writing app-compose.json (spec: supervisor-and-cli B.3): the bytes are what is hashed and measured. */
#pragma once

#include "cli/env_file.h"

#include <glib.h>

typedef struct {
  const char *name;
  const char *docker_compose;    /* text, unchanged */
  const char *pre_launch_script; /* NULL: none */
  const char *key_provider_id;   /* "" : not pinned */
  gboolean kms, gateway, local_key_provider, public_logs, public_sysinfo, no_instance_id, secure_time;
  const EnvFile *env; /* NULL or without keys: no variable is allowed */
  guint64 swap_bytes; /* 0: none */
} AppComposeSpec;

char *app_compose_write(const AppComposeSpec *spec);
/* Lower-case hex SHA-256 of the bytes. */
char *app_compose_file_hash(const char *text);
/* TRUE for the text of an app-compose.json, FALSE for what must be a docker-compose file. */
gboolean app_compose_recognize(const char *text);
