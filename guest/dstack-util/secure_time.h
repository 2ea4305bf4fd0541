/* Waiting for authenticated time before keys are asked for (spec: guest-os 8). */
#pragma once

#include <glib.h>

gboolean secure_time_wait(GError **error);
