/* GET /: a page about this CVM for people (spec: prpc-and-agent-api 7.1). */
#pragma once

#include "guest-agent/agent.h"

#include "guest_agent.pb-c.h"
#include "guest_api.pb-c.h"
#include "prpc/server.h"

void dashboard_route(PrpcHttpRequest *request, gpointer agent);

/* What the page shows. */
typedef struct {
  const DstackGuest__AppInfo *info;
  const GuestApi__SystemInfo *system; /* NULL: not public */
  const GuestApi__ListContainersResponse *containers;
  gboolean public_logs, public_tcbinfo;
} Dashboard;
/* The page. Newly allocated. */
char *dashboard_html(const Dashboard *dashboard);
