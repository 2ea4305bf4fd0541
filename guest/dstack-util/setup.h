/* Preparing the CVM for its app, from the host-shared files to a mounted data disk (spec: guest-os 8). */
#pragma once

#include <glib.h>

typedef struct {
  const char *work_dir;    /* on tmpfs; later /dstack */
  const char *device;      /* the data disk */
  const char *mount_point; /* where it goes */
} SetupOptions;

/* Any failure is final for this boot; the host has been told of it. */
gboolean setup_run(const SetupOptions *options, GError **error);
