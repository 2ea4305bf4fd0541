#include "kms/verifier/boot_info.h"

#include "base/error.h"
#include "base/hex.h"
#include "crypto/digest.h"

#include <string.h>

#define COMPOSE_HASH_SIZE 32

void boot_info_clear(BootInfo *info) {
  g_clear_pointer(&info->app_id, g_bytes_unref);
  g_clear_pointer(&info->instance_id, g_bytes_unref);
  g_clear_pointer(&info->compose_hash, g_bytes_unref);
  g_clear_pointer(&info->key_provider_info, g_bytes_unref);
  g_clear_pointer(&info->event_log, g_free);
  g_clear_pointer(&info->advisory_ids, g_strfreev);
}

static gboolean check_identity(const AppInfo *app, GError **error) {
  gsize instance_id_len = g_bytes_get_size(app->instance_id);
  const char *wrong = NULL;
  if (g_bytes_get_size(app->app_id) != KMS_APP_ID_SIZE)
    wrong = "app id does not have 20 bytes";
  else if (instance_id_len != 0 && instance_id_len != KMS_INSTANCE_ID_SIZE)
    wrong = "instance id has neither 0 nor 20 bytes";
  else if (g_bytes_get_size(app->compose_hash) != COMPOSE_HASH_SIZE)
    wrong = "compose hash does not have 32 bytes";
  if (!wrong)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "event log: %s", wrong);
  return FALSE;
}

static char **copy_strings(GPtrArray *strings) {
  g_autoptr(GStrvBuilder) builder = g_strv_builder_new();
  for (guint i = 0; strings && i < strings->len; i++)
    g_strv_builder_add(builder, strings->pdata[i]);
  return g_strv_builder_end(builder);
}

/* A log without "boot-mr-done" ends its boot where it ends; what changes then is only that the key provider is left
 * out. */
static void leave_out_key_provider(BootInfo *info) {
  guint8 measured[4 * TDX_MR_SIZE + SHA256_SIZE] = {0}; /* the last part stays zero */
  memcpy(measured, info->mrtd, TDX_MR_SIZE);
  for (guint i = 0; i < 3; i++)
    memcpy(measured + (i + 1) * TDX_MR_SIZE, info->rtmr[i], TDX_MR_SIZE);
  digest_sha256(measured, sizeof measured, info->mr_system);
  g_bytes_unref(info->key_provider_info);
  info->key_provider_info = g_bytes_new(NULL, 0);
}

static void copy_app_info(const AppInfo *app, BootInfo *out) {
  out->app_id = g_bytes_ref(app->app_id);
  out->instance_id = g_bytes_ref(app->instance_id);
  out->compose_hash = g_bytes_ref(app->compose_hash);
  out->key_provider_info = g_bytes_ref(app->key_provider_info);
  memcpy(out->mr_system, app->mr_system, sizeof out->mr_system);
  memcpy(out->mr_aggregated, app->mr_aggregated, sizeof out->mr_aggregated);
  memcpy(out->device_id, app->device_id, sizeof out->device_id);
  memcpy(out->mrtd, app->mrtd, sizeof out->mrtd);
}

gboolean boot_info_from_evidence(const VerifiedEvidence *evidence, AppInfoMode mode,
                                 const guint8 os_image_hash[KMS_IMAGE_HASH_SIZE], BootInfo *out, GError **error) {
  gboolean boot_time = mode == APP_INFO_BOOT_TIME;
  const AppInfo *app = boot_time && evidence->boot_info ? evidence->boot_info : evidence->app_info;
  if (!check_identity(app, error))
    return FALSE;
  *out = (BootInfo){0};
  copy_app_info(app, out);
  memcpy(out->rtmr, evidence->quote->td.rtmr, sizeof out->rtmr);
  if (boot_time && !evidence->boot_info)
    leave_out_key_provider(out);
  memcpy(out->os_image_hash, os_image_hash, KMS_IMAGE_HASH_SIZE);
  out->event_log = g_strdup(evidence->log_json);
  out->tcb_status = tcb_status_name(evidence->tcb_status);
  out->advisory_ids = copy_strings(evidence->advisory_ids);
  return TRUE;
}

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  json_object_set_new(object, key, json_string(hex));
}

static void set_hex_bytes(json_t *object, const char *key, GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  set_hex(object, key, data, len);
}

static void set_registers(json_t *object, const BootInfo *info) {
  static const char *const names[] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
  set_hex(object, "mrtd", info->mrtd, sizeof info->mrtd);
  for (guint i = 0; i < G_N_ELEMENTS(names); i++)
    set_hex(object, names[i], info->rtmr[i], sizeof info->rtmr[i]);
}

char *boot_info_to_json(const BootInfo *info, GError **error) {
  g_autoptr(json_t) object = json_object();
  json_object_set_new(object, "teeVariant", json_string("dstack-tdx"));
  set_registers(object, info);
  set_hex(object, "mrAggregated", info->mr_aggregated, sizeof info->mr_aggregated);
  set_hex(object, "osImageHash", info->os_image_hash, sizeof info->os_image_hash);
  set_hex(object, "mrSystem", info->mr_system, sizeof info->mr_system);
  set_hex_bytes(object, "appId", info->app_id);
  set_hex_bytes(object, "composeHash", info->compose_hash);
  set_hex_bytes(object, "instanceId", info->instance_id);
  set_hex(object, "deviceId", info->device_id, sizeof info->device_id);
  set_hex_bytes(object, "keyProviderInfo", info->key_provider_info);
  if (json_object_set_new(object, "eventLog", json_string(info->event_log)) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "event log is no utf-8 text");
    return NULL;
  }
  json_object_set_new(object, "tcbStatus", json_string(info->tcb_status));
  json_t *advisory_ids = json_array();
  for (char **id = info->advisory_ids; *id; id++)
    json_array_append_new(advisory_ids, json_string(*id));
  json_object_set_new(object, "advisoryIds", advisory_ids);
  return json_print(object);
}
