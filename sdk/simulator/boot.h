/* What a CVM's boot would have done before the agent starts: the RTMR3 events, and keys from a KMS. */
#pragma once

#include "guest-agent/config.h"
#include "sdk/simulator/simulator_config.h"
#include "tdx/simulated.h"

/* TRUE when the machine must boot: its registers hold no boot yet, or keys are to come from a KMS and are not there. */
gboolean boot_needed(const AgentConfig *agent, const SimulatorConfig *config);
/* Powers the machine on: registers and log start empty. Call before the platform is made. */
gboolean boot_reset(const SimulatorConfig *config, GError **error);
/* Emits the events of a boot in their order. With kms_url and without keys_file, gets the keys from that KMS in
 * between, as a CVM does, and saves them (mode 0600). */
gboolean boot_run(const AgentConfig *agent, const SimulatorConfig *config, TdxPlatform *platform, GError **error);
