/* A lock on a file that all processes of the machine, and all threads of this one, share. */
#pragma once

#include <glib.h>

/* An open, locked file descriptor; -1: none. Released when it goes out of scope as g_auto(TdxLock). */
typedef int TdxLock;
void tdx_lock_release(TdxLock lock);
G_DEFINE_AUTO_CLEANUP_FREE_FUNC(TdxLock, tdx_lock_release, -1)

#define TDX_LOCK_TIMEOUT_MS 60000

/* Waits at most TDX_LOCK_TIMEOUT_MS. The file is made with mode 0600 if it is missing, the directory with 0755.
 * Errors: TIMEOUT, and those of opening. */
TdxLock tdx_lock_acquire(const char *path, GError **error);
/* Locks an existing file, opened for writing without truncating it. */
TdxLock tdx_lock_acquire_existing(const char *path, GError **error);
