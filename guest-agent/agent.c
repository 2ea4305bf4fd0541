#include "guest-agent/agent.h"

#include "guest-agent/app_key_cache.h"
#include "guest-agent/demo_cert.h"
#include "guest-agent/info.h"
#include "guest-agent/signing_quote.h"

void agent_free(Agent *agent) {
  if (!agent)
    return;
  /* First, because its thread uses the rest. */
  demo_cert_free(agent->demo_cert);
  info_source_free(agent->info);
  signing_quotes_free(agent->signing_quotes);
  app_key_cache_free(agent->key_cache);
  app_keys_free(agent->keys);
  app_compose_free(agent->compose);
  sys_config_free(agent->sys_config);
  g_free(agent->sys_config_file);
  g_strfreev(agent->data_disks);
  g_free(agent);
}

Agent *agent_new(const AgentConfig *config, TdxPlatform *platform, GError **error) {
  g_autoptr(Agent) agent = g_new0(Agent, 1);
  agent->keys = app_keys_load(config->keys_file, error);
  if (!agent->keys) {
    g_prefix_error(error, "failed to load the app keys: ");
    return NULL;
  }
  agent->key_cache = app_key_cache_new(agent->keys);
  agent->compose = app_compose_load(config->compose_file, error);
  if (!agent->compose) {
    g_prefix_error(error, "failed to load the compose file: ");
    return NULL;
  }
  agent->sys_config = sys_config_load(config->sys_config_file, error);
  if (!agent->sys_config) {
    g_prefix_error(error, "failed to load the system configuration: ");
    return NULL;
  }
  agent->sys_config_file = g_strdup(config->sys_config_file);
  agent->data_disks = g_strdupv(config->data_disks);
  agent->platform = platform;
  agent->may_power_off = TRUE;
  agent->info = info_source_new(platform, agent->compose);
  agent->signing_quotes = signing_quotes_new();
  agent->demo_cert = demo_cert_new(agent->keys, platform, agent->sys_config->vm_config);
  return g_steal_pointer(&agent);
}
