/* Info: who this CVM is, as its own quote and event log say (spec: prpc-and-agent-api 5.5).
 *
 * A quote costs tens of milliseconds on hardware, so what was decoded is kept until the runtime log grows. */
#pragma once

#include "guest-agent/agent.h"

#include "guest_agent.pb-c.h"

/* Keeps the pointers. */
InfoSource *info_source_new(TdxPlatform *platform, const AppCompose *compose);
void info_source_free(InfoSource *source);

/* Fills the answer. `external` callers see neither tcb_info nor vm_config unless the compose allows it. */
gboolean info_fill(Agent *agent, gboolean external, DstackGuest__AppInfo *out, GError **error);
