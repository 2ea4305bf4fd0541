/* The demo certificate: a showcase of the app's RA chain in Info, whose private key is thrown away
 * (spec: prpc-and-agent-api 5.6). Requested in the background, never twice at once, with back-off after failures. */
#pragma once

#include "guest-agent/agent.h"

/* Keeps the pointers: they must outlive it. */
DemoCert *demo_cert_new(const AppKeys *keys, TdxPlatform *platform, const char *vm_config);
/* Waits for a running request. */
void demo_cert_free(DemoCert *demo);
/* Starts a request unless there is a certificate, one is running, or the last failure is too recent. */
void demo_cert_request(DemoCert *demo);
/* The chain's PEMs joined with LF, or "" while not issued. Newly allocated. */
char *demo_cert_text(DemoCert *demo);
