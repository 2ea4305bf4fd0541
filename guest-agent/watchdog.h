/* Readiness and the watchdog: the agent asks its own public port as a client would, and tells systemd it is alive only
 * while that is answered (spec: prpc-and-agent-api 2.5). */
#pragma once

#include <glib.h>

typedef struct Watchdog Watchdog;

/* Call when the listeners are bound: reports READY=1, and with `enabled` and a watchdog of systemd's, starts to report
 * on http://127.0.0.1:<external_port>. */
Watchdog *watchdog_start(gboolean enabled, guint16 external_port);
void watchdog_stop(Watchdog *watchdog);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Watchdog, watchdog_stop)
