/* A download under way: a directory of its own below images/tmp/, removed again whatever happens. */
#pragma once

#include <glib.h>

typedef struct {
  char *dir;      /* NULL: none */
  int archive_fd; /* the archive, open and locked while its owner lives */
} Staging;

gboolean staging_begin(Staging *staging, const char *parent_dir, GError **error);
void staging_end(Staging *staging);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Staging, staging_end)

/* Puts the directory `name` of the staging at `target`, replacing what is there, in one step. */
gboolean staging_publish(const Staging *staging, const char *name, const char *target, GError **error);

/* Removes what processes that are gone left behind in `parent_dir`. */
void staging_sweep(const char *parent_dir);
