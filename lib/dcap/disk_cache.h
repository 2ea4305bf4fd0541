/* Fetched collateral on disk, so that verification survives a restart without a network. Nothing read from it is
 * believed: collateral verifies or it does not. */
#pragma once

#include <glib.h>

/* The number of files kept; the oldest go first. */
#define DCAP_DISK_CACHE_MAX_FILES 256

/* `key` is a file name without directory. *stored is when it was written, in Unix seconds. NULL: there is none; one
 * that can't be read is logged. To be freed with g_bytes_unref(). */
GBytes *dcap_disk_cache_load(const char *dir, const char *key, gint64 *stored);
/* Replaces the file as a whole. A failure is logged: what was fetched is good without being kept. */
void dcap_disk_cache_store(const char *dir, const char *key, const char *text);
