/* .instance_info: what the guest reports about its identity, kept for its next boot (spec: vmm 5.2, guest-os 4.2). */
#pragma once

#include <glib.h>

typedef struct {
  char *app_id, *instance_id_seed, *instance_id; /* lower-case hex of 20 bytes, or "" */
} InstanceInfo;

void instance_info_clear(InstanceInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(InstanceInfo, instance_info_clear)

/* Error INVALID: no object, or a member that is not the hex of 0 or 20 bytes. Other members are dropped. */
gboolean instance_info_parse(const char *text, gsize len, InstanceInfo *out, GError **error);
/* The app is the deployer's choice: an empty app_id becomes `app_id`. Error DENIED when the guest names another one. */
gboolean instance_info_keep_app(InstanceInfo *info, const char *app_id, GError **error);
char *instance_info_text(const InstanceInfo *info);
