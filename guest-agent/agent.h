/* The guest agent: what every listener's handlers share. Everything is read once at start and never again. */
#pragma once

#include "appkeys/appkeys.h"
#include "cvm/compose.h"
#include "cvm/sys_config.h"
#include "guest-agent/config.h"
#include "tdx/platform.h"

#include <glib.h>

typedef struct InfoSource InfoSource;
typedef struct DemoCert DemoCert;
typedef struct SigningQuotes SigningQuotes;
typedef struct AppKeyCache AppKeyCache;

typedef struct {
  AppKeys *keys;
  AppKeyCache *key_cache;
  AppCompose *compose;
  SysConfig *sys_config;
  char *sys_config_file;
  char **data_disks;
  TdxPlatform *platform; /* borrowed */
  InfoSource *info;
  DemoCert *demo_cert;
  SigningQuotes *signing_quotes;
  gboolean may_power_off; /* FALSE in the simulator: Shutdown would end the developer's machine */
  /* Answers with a quote hold the versioned attestation as well. TRUE in the simulator only, as in the reference:
   * elsewhere it stands in for the quote of TEEs that have none, and Attest is the way to it. */
  gboolean quotes_carry_attestation;
} Agent;

/* Loads keys, compose and sys-config. The platform must outlive the agent. */
Agent *agent_new(const AgentConfig *config, TdxPlatform *platform, GError **error);
void agent_free(Agent *agent);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Agent, agent_free)
