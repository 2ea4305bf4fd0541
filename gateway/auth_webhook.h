/* The operator's veto on registrations (spec: gateway 11). */
#pragma once

#include "tdx/app_info.h"

#include <glib.h>

/* The JSON body: every value lower-case hex. Newly allocated. */
char *auth_webhook_body(const AppInfo *info);
/* Only a 2xx answer allows. Error DENIED with the status, or the transport's. */
gboolean auth_webhook_ask(const char *url, guint64 timeout_ms, const AppInfo *info, GError **error);
