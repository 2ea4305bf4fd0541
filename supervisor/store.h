/* The kept process table: one JSON file, replaced whole. */
#pragma once

#include "supervisor/entry.h"

#include <glib.h>

/* Mode 0600: environments may hold secrets. */
gboolean process_store_save(const char *path, GHashTable *entries, GError **error);
/* Fills `entries` (id -> ProcessEntry, owned). A missing file is an empty table. */
gboolean process_store_load(const char *path, GHashTable *entries, GError **error);
