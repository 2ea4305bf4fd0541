/* Shared by the makers of event logs in this library. */
#pragma once

#include "tdx/event_log.h"

/* Takes `event`, also when it fails. Error INVALID: too many events, no such register, or a runtime event and RTMR3
 * apart. */
gboolean tdx_event_log_append(TdxEventLog *log, TdxEvent *event, GError **error);
/* As tdx_event_print(), for readers elsewhere: with the preimage that newer ones want of version 2. */
char *tdx_event_print_outside(const TdxEvent *event);
/* Appends one event in its JSON form, as a line of the runtime log holds it. */
gboolean tdx_event_log_append_line(TdxEventLog *log, const char *line, gsize len, GError **error);
