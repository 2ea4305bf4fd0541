/* Keeps web pages of other sites from driving the management API through the browser of somebody who may use it: requests that
 * come from another site, and names that an attacker's DNS made point here. Programs are not concerned: they send none of the
 * headers it looks at. */
#pragma once

#include "vmm/config.h"

#include "prpc/server.h"

typedef struct {
  const char *method, *path;
  const char *fetch_site, *origin, *host, *user_agent; /* headers; NULL: absent */
} BrowserRequest;

/* NULL when it may pass, else why not. `check_host`: the Host header must be an address or a loopback name; wanted where nothing
 * else (credentials, the file system) says who calls. */
const char *browser_guard_judge(const BrowserRequest *request, gboolean check_host);
/* For a router's filter: answers 403 itself when it returns FALSE. */
gboolean browser_guard_filter(PrpcHttpRequest *request, const VmmConfig *config);
