#include "tdx/app_info.h"

#include "base/error.h"
#include "crypto/digest.h"

#include <string.h>

#define BOOT_MR_DONE "boot-mr-done"
#define SYSTEM_READY "system-ready"
#define INIT_SCRIPT_HASH "init-script-hash"
#define MAX_INIT_SCRIPTS 5

/* What the payload of a system event may be; `optional` also allows none. */
typedef struct {
  const char *name;
  gsize size;
  gboolean optional;
  gboolean unique;
} SystemEvent;

static const SystemEvent system_events[] = {
    {"system-preparing", 0, FALSE, FALSE}, {"app-id", 20, FALSE, TRUE},          {"compose-hash", 32, FALSE, TRUE},
    {"instance-id", 20, TRUE, TRUE},       {BOOT_MR_DONE, 0, FALSE, TRUE},       {"os-image-hash", 32, TRUE, FALSE},
    {SYSTEM_READY, 0, FALSE, FALSE},       {INIT_SCRIPT_HASH, 32, FALSE, FALSE},
};

static gboolean invalid_event(GError **error, const char *name, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "event %s: %s", name, why);
  return FALSE;
}

static gboolean check_payload(const TdxEvent *event, GError **error) {
  for (gsize i = 0; i < G_N_ELEMENTS(system_events); i++) {
    const SystemEvent *rule = &system_events[i];
    if (strcmp(rule->name, event->name) != 0)
      continue;
    gsize len = g_bytes_get_size(event->payload);
    if (len != rule->size && !(rule->optional && len == 0))
      return invalid_event(error, event->name, "wrong payload size");
  }
  return TRUE;
}

static gboolean must_be_unique(const char *name) {
  for (gsize i = 0; i < G_N_ELEMENTS(system_events); i++)
    if (system_events[i].unique && strcmp(system_events[i].name, name) == 0)
      return TRUE;
  return strcmp(name, "key-provider") == 0;
}

/* The events up to system-ready are the system's own; what follows is the application's and never looked at. */
static gboolean check_system_events(TdxEventLog *log, GError **error) {
  g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    if (event->imr != TDX_RUNTIME_RTMR)
      continue;
    if (!tdx_event_name_ok(event->name)) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "system event with a name that is not allowed");
      return FALSE;
    }
    if (!check_payload(event, error))
      return FALSE;
    if (must_be_unique(event->name) && !g_hash_table_add(seen, event->name))
      return invalid_event(error, event->name, "appears twice");
    if (strcmp(event->name, SYSTEM_READY) == 0)
      return TRUE;
  }
  return TRUE;
}

static gboolean check_register(const Quote *quote, TdxEventLog *log, guint index, GError **error) {
  guint8 replayed[48];
  if (!tdx_replay(log, index, NULL, replayed, error))
    return FALSE;
  if (memcmp(replayed, quote->td.rtmr[index], sizeof replayed) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "rtmr mismatch: RTMR%u", index);
  return FALSE;
}

gboolean app_info_check_boot(const Quote *quote, TdxEventLog *log, GError **error) {
  for (guint i = 0; i < TDX_RUNTIME_RTMR; i++)
    if (!check_register(quote, log, i, error))
      return FALSE;
  return TRUE;
}

static gboolean require_event(TdxEventLog *log, const char *name, GError **error) {
  if (tdx_event_log_find(log, name))
    return TRUE;
  return invalid_event(error, name, "not in the event log");
}

static GBytes *payload_or_empty(TdxEventLog *log, const char *name) {
  const TdxEvent *event = tdx_event_log_find(log, name);
  return event ? g_bytes_ref(event->payload) : g_bytes_new(NULL, 0);
}

static void hash_registers(const AppInfo *info, GByteArray *preimage) {
  g_byte_array_append(preimage, info->mrtd, sizeof info->mrtd);
  for (guint i = 0; i < TDX_RUNTIME_RTMR; i++)
    g_byte_array_append(preimage, info->rtmr[i], sizeof info->rtmr[i]);
}

static void compute_mr_system(AppInfo *info) {
  guint8 mr_key_provider[32] = {0};
  gsize len;
  const void *provider = g_bytes_get_data(info->key_provider_info, &len);
  if (len > 0)
    digest_sha256(provider, len, mr_key_provider);
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  hash_registers(info, preimage);
  g_byte_array_append(preimage, mr_key_provider, sizeof mr_key_provider);
  digest_sha256(preimage->data, preimage->len, info->mr_system);
}

static void compute_mr_aggregated(const TdReport *td, AppInfo *info) {
  static const guint8 zero[48];
  g_autoptr(GByteArray) preimage = g_byte_array_new();
  hash_registers(info, preimage);
  g_byte_array_append(preimage, info->rtmr[TDX_RUNTIME_RTMR], 48);
  if (memcmp(td->mr_config_id, zero, 48) != 0 || memcmp(td->mr_owner, zero, 48) != 0 ||
      memcmp(td->mr_owner_config, zero, 48) != 0) {
    g_byte_array_append(preimage, td->mr_config_id, 48);
    g_byte_array_append(preimage, td->mr_owner, 48);
    g_byte_array_append(preimage, td->mr_owner_config, 48);
  }
  digest_sha256(preimage->data, preimage->len, info->mr_aggregated);
}

/* Every one of them, up to the end of boot measurements. */
static gboolean read_init_scripts(TdxEventLog *log, AppInfo *info, GError **error) {
  info->init_script_hashes = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    if (event->imr != TDX_RUNTIME_RTMR)
      continue;
    if (strcmp(event->name, BOOT_MR_DONE) == 0 || strcmp(event->name, SYSTEM_READY) == 0)
      break;
    if (strcmp(event->name, INIT_SCRIPT_HASH) == 0)
      g_ptr_array_add(info->init_script_hashes, g_bytes_ref(event->payload));
  }
  return info->init_script_hashes->len <= MAX_INIT_SCRIPTS ||
         invalid_event(error, INIT_SCRIPT_HASH, "appears too often");
}

static void read_identities(TdxEventLog *log, AppInfoMode mode, AppInfo *info) {
  info->app_id = payload_or_empty(log, "app-id");
  info->compose_hash = payload_or_empty(log, "compose-hash");
  info->instance_id = payload_or_empty(log, "instance-id");
  info->os_image_hash = payload_or_empty(log, "os-image-hash");
  info->key_provider_info = mode == APP_INFO_BOOT_TIME ? g_bytes_new(NULL, 0) : payload_or_empty(log, "key-provider");
}

AppInfo *app_info_decode_stripped(const Quote *quote, TdxEventLog *log, AppInfoMode mode, GError **error) {
  if (quote->tee_type != TEE_TDX) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a tdx quote");
    return NULL;
  }
  if (!check_register(quote, log, TDX_RUNTIME_RTMR, error) || !check_system_events(log, error))
    return NULL;
  const char *until = mode == APP_INFO_BOOT_TIME ? BOOT_MR_DONE : NULL;
  if (!require_event(log, "compose-hash", error) || (until && !require_event(log, until, error)))
    return NULL;
  g_autoptr(AppInfo) info = g_new0(AppInfo, 1);
  read_identities(log, mode, info);
  memcpy(info->mrtd, quote->td.mr_td, sizeof info->mrtd);
  memcpy(info->rtmr, quote->td.rtmr, sizeof info->rtmr);
  if (!read_init_scripts(log, info, error) ||
      !tdx_replay(log, TDX_RUNTIME_RTMR, until, info->rtmr[TDX_RUNTIME_RTMR], error))
    return NULL;
  digest_sha256(quote->user_data, sizeof quote->user_data, info->device_id);
  compute_mr_system(info);
  compute_mr_aggregated(&quote->td, info);
  return g_steal_pointer(&info);
}

AppInfo *app_info_decode(const Quote *quote, TdxEventLog *log, AppInfoMode mode, GError **error) {
  if (quote->tee_type == TEE_TDX && !app_info_check_boot(quote, log, error))
    return NULL;
  return app_info_decode_stripped(quote, log, mode, error);
}

void app_info_set_device_of_ppid(AppInfo *info, const guint8 ppid[16]) { digest_sha256(ppid, 16, info->device_id); }

void app_info_free(AppInfo *info) {
  if (!info)
    return;
  GBytes *parts[] = {info->app_id, info->compose_hash, info->instance_id, info->os_image_hash, info->key_provider_info};
  for (gsize i = 0; i < G_N_ELEMENTS(parts); i++)
    g_clear_pointer(&parts[i], g_bytes_unref);
  g_clear_pointer(&info->init_script_hashes, g_ptr_array_unref);
  g_free(info);
}
