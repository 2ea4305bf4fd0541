/* .sys-config.json: what the host tells its guest (spec: guest-os 4.1). Not measured: nothing in it is trusted. */
#pragma once

#include <glib.h>

#define SYS_CONFIG_MAX_SIZE (32 * 1024)
#define SYS_CONFIG_MAX_URLS 16 /* of one kind */
/* Where the copies of the host-shared files are once the guest is up. */
#define HOST_SHARED_DIR "/dstack/.host-shared"
#define SYS_CONFIG_PATH HOST_SHARED_DIR "/.sys-config.json"

typedef struct {
  char **kms_urls; /* may be empty, as gateway_urls */
  char **gateway_urls;
  char *pccs_url; /* NULL: none, as the next two */
  char *docker_registry;
  char *host_api_url; /* NULL: no host to talk to */
  char *vm_config;    /* JSON text, passed on as it is */
} SysConfig;

SysConfig *sys_config_parse(const char *text, gsize len, GError **error);
SysConfig *sys_config_load(const char *path, GError **error);
void sys_config_free(SysConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SysConfig, sys_config_free)
