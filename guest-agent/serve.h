/* The agent's four listeners in one process (spec: prpc-and-agent-api 1.1, 2.4). */
#pragma once

#include "guest-agent/agent.h"
#include "prpc/server.h"

typedef struct AgentServer AgentServer;

/* Binds every listener, or none. The agent must outlive the server. */
AgentServer *agent_server_new(Agent *agent, const AgentConfig *config, GError **error);
/* For prpc_server_run() and its kin. Borrowed. */
PrpcServer *agent_server_prpc(AgentServer *server);
/* The public TCP port; 0 when the public listener is a unix socket. */
guint16 agent_server_external_port(AgentServer *server);
void agent_server_free(AgentServer *server);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgentServer, agent_server_free)
