/* HostApi.Notify: telling the host how the boot goes (spec: guest-os 13). The host is not trusted and may be absent. */
#pragma once

#include <glib.h>

#define HOST_NOTIFY_MAX_PAYLOAD 4096

/* Events of the guest. */
#define HOST_EVENT_BOOT_PROGRESS "boot.progress"
#define HOST_EVENT_BOOT_ERROR "boot.error"
#define HOST_EVENT_INSTANCE_INFO "instance.info"
#define HOST_EVENT_SHUTDOWN_PROGRESS "shutdown.progress"

/* Sends one event. `host_api_url` NULL: there is no host to tell, which is success. A payload over the host's limit is
 * cut at a character's edge. Waits at most 10 s. */
gboolean host_notify(const char *host_api_url, const char *event, const char *payload, GError **error);
/* The same, where a failure is worth no more than a line in the log. */
void host_notify_or_log(const char *host_api_url, const char *event, const char *payload);
