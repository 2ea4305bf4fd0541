/* Configuration of the VMM: vmm.toml, checked as a whole before anything is started (spec: vmm 2). */
#pragma once

#include "base/json.h"

#include <glib.h>

typedef enum { ACCEL_AUTO, ACCEL_KVM, ACCEL_TCG } AccelChoice;
typedef enum { TEE_CHOICE_AUTO, TEE_CHOICE_TDX, TEE_CHOICE_SIMULATED } TeeChoice;
typedef enum { VSOCK_AUTO, VSOCK_VHOST, VSOCK_USER } VsockChoice;
typedef enum { NETWORK_USER, NETWORK_CUSTOM } NetworkMode;
typedef enum { OPTION_UNSET, OPTION_FALSE, OPTION_TRUE } OptionalBool;

typedef struct {
  gboolean udp;
  guint16 from, to; /* inclusive */
} PortRange;

typedef struct {
  char *address; /* as prpc_server_listen() takes it */
  guint workers;
  gboolean reuse;
  json_t *limits; /* method -> bytes */
  char *kms_url;  /* "": no KMS to ask for environment keys */
  char *image_path, *run_path; /* absolute */

  char *qemu_path; /* absolute */
  char **kms_urls, **gateway_urls;
  char *pccs_url, *docker_registry;
  guint32 cid_start, cid_pool_size;
  guint32 max_vcpu, max_memory_mb; /* reported, not enforced */
  gboolean qmp_socket, use_mrconfigid, hotplug_off;
  OptionalBool single_pass_add_pages, pic;
  char *qemu_version; /* NULL: not known */
  guint64 pci_hole64_size;
  char *host_share_mode; /* "9p" or "vhd"; NULL: what the image asks for */
  AccelChoice accel;
  TeeChoice tee;
  VsockChoice vsock;
  char *vsock_device_path; /* the user-space vsock backend's program */
  char *simulator_seed;    /* 64 hex digits; NULL: no simulated TEE */

  NetworkMode network;
  char *user_net, *user_dhcp_start; /* NETWORK_USER */
  gboolean user_restrict;
  char *custom_netdev; /* NETWORK_CUSTOM */

  gboolean port_mapping;
  char *port_address; /* default host address */
  GArray *port_ranges; /* of PortRange */

  gboolean auto_restart;
  guint restart_interval, restart_max_retries, restart_initial_backoff, restart_max_backoff, restart_reset_window; /* s */

  guint64 log_max_bytes; /* 0: no bound */
  guint log_max_backups, log_check_interval /* s */;

  gboolean gpu;
  char *base_domain;
  guint32 gateway_port, agent_port;

  gboolean auth;
  char **auth_tokens; /* secrets: never logged */
  char *htpasswd_file;

  char *supervisor_exe, *supervisor_sock, *supervisor_pid_file, *supervisor_log_file;
  gboolean supervisor_auto_start;

  guint32 host_api_cid, host_api_port;
  guint event_buffer_size;
} VmmConfig;

/* Reads the standard layers and `path` (may be NULL), and checks every value. Error INVALID names key and line. */
VmmConfig *vmm_config_load(const char *path, GError **error);
void vmm_config_free(VmmConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VmmConfig, vmm_config_free)
