/* The device of device.h as a FUSE file system. */
#pragma once

#include "guest/tee-simulator/device.h"

/* Called once the tree is mounted; FALSE ends the file system with its error. */
typedef gboolean (*TeeMounted)(gpointer data, GError **error);

/* Mounts on `directory`, made if missing, and serves until a signal ends the program or it is unmounted.
 * Error EXISTS when something is mounted there already. */
gboolean tee_mount_serve(TeeDevice *device, const char *directory, TeeMounted mounted, gpointer data, GError **error);
