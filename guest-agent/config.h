/* The agent's configuration (spec: prpc-and-agent-api 2.2). Tables are profiles: "default" for all, one for each
 * listener. */
#pragma once

#include "base/config.h"

#include <glib.h>

typedef enum {
  AGENT_LISTENER_INTERNAL_V0,
  AGENT_LISTENER_INTERNAL,
  AGENT_LISTENER_EXTERNAL,
  AGENT_LISTENER_GUEST_API,
  AGENT_LISTENERS,
} AgentListener;

/* The largest body of a method. */
typedef struct {
  char *method; /* in any case */
  gsize bytes;
} AgentMethodLimit;

typedef struct {
  char *ident; /* the Server header */
  guint workers;
  char *keys_file;
  char *compose_file;
  char *sys_config_file;
  char **data_disks;         /* mount points shown in SysInfo */
  char *internal_v0_address; /* addresses as prpc_server_listen() takes them */
  char *internal_address;
  char *external_address;
  char *guest_api_address;
  GArray *limits[AGENT_LISTENERS]; /* of AgentMethodLimit; those of "default" first */
} AgentConfig;

/* TOML text of the daemon's defaults; a program with others (the simulator) merges its own over them. */
extern const char agent_config_defaults[];

/* Reads the typed form. Error INVALID names key and line. */
AgentConfig *agent_config_new(Config *config, GError **error);
void agent_config_free(AgentConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentConfig, agent_config_free)
