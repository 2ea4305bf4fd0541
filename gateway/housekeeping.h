/* The gateway's clockwork: handshakes are refreshed, silent instances recycled (spec: gateway 8). */
#pragma once

#include "service.h"

/* Takes the newest handshakes from WireGuard into the registry; a failure is logged and leaves the old ones. */
void housekeeping_refresh(Gateway *gateway);

typedef struct Housekeeping Housekeeping;
Housekeeping *housekeeping_start(Gateway *gateway);
void housekeeping_stop(Housekeeping *housekeeping);
