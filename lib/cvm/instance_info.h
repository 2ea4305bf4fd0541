/* .instance_info: the app id the deployer chose and the seed of an earlier boot (spec: guest-os 4.2). Kept by the host,
 * so only its shape is checked here; the values are measured or bound to keys later. */
#pragma once

#include <glib.h>

#define INSTANCE_INFO_MAX_SIZE (10 * 1024)
#define APP_ID_SIZE 20
#define INSTANCE_ID_SIZE 20
#define INSTANCE_SEED_SIZE 20

typedef struct {
  GBytes *instance_id_seed; /* 20 bytes, or empty; as the others */
  GBytes *instance_id;
  GBytes *app_id;
} InstanceInfo;

/* Everything empty: a first boot without a given app id. */
InstanceInfo *instance_info_new(void);
/* Error INVALID for values that are neither empty nor 20 bytes. */
InstanceInfo *instance_info_parse(const char *text, gsize len, GError **error);
/* The payload of the "instance.info" notification: compact JSON in the order seed, instance id, app id. */
char *instance_info_print(const InstanceInfo *info);
void instance_info_free(InstanceInfo *info);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(InstanceInfo, instance_info_free)
