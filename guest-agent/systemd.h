/* The three small protocols of systemd a service speaks: readiness, watchdog, socket activation. */
#pragma once

#include <glib.h>

/* Sends such as "READY=1" to NOTIFY_SOCKET; success when there is none. */
gboolean systemd_notify(const char *state, GError **error);
/* Microseconds of the watchdog for this process; 0: none. */
guint64 systemd_watchdog_usec(void);
/* The descriptor of the socket passed at `index`; 0: none was passed. */
gint systemd_listen_fd(guint index);
