/* Memory and disk sizes as people write them (spec: supervisor-and-cli B.4). */
#pragma once

#include <glib.h>

/* "2048", "1.5G", "2TB" -> MB; without a unit MB. Error INVALID. */
gboolean size_parse_memory(const char *text, guint32 *megabytes, GError **error);
/* "20", "1T" -> GB; without a unit GB. Error INVALID. */
gboolean size_parse_disk(const char *text, guint32 *gigabytes, GError **error);
