/* The gateway's state on disk, in the JSON shape of the reference (spec: gateway 9), so that a deployment can be taken over. */
#pragma once

#include <glib.h>

typedef struct {
  char *id, *app_id, *public_key;
  guint32 ip;
  gint64 reg_time_ms, last_seen_ms; /* Unix */
} StoredInstance;

StoredInstance *stored_instance_new(const char *id, const char *app_id, guint32 ip, const char *public_key);
void stored_instance_free(StoredInstance *instance);

/* StoredInstance* elements; empty when there is no file. Errors INVALID or IO: the file exists but can't be used. */
GPtrArray *state_file_load(const char *path, GError **error);
/* Mode 0600, atomically. `instances` in order of id. */
gboolean state_file_save(const char *path, GPtrArray *instances, GError **error);
