#include "response.h"

#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "rtmr_debug.h"

#define TEE_VARIANT "dstack-tdx"

static void set_hex(json_t *object, const char *key, const void *data, gsize len) {
  g_autofree char *hex = hex_encode(data, len);
  json_object_set_new(object, key, json_string(hex));
}

static void set_bytes(json_t *object, const char *key, GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  set_hex(object, key, data, len);
}

static json_t *advisories(const VerifiedEvidence *evidence) {
  json_t *ids = json_array();
  for (guint i = 0; evidence && i < evidence->advisory_ids->len; i++)
    json_array_append_new(ids, json_string(evidence->advisory_ids->pdata[i]));
  return ids;
}

/* The event's JSON {"name","id"}; null when the event is something else. */
static json_t *key_provider(const AppInfo *info) {
  gsize len;
  const char *text = g_bytes_get_data(info->key_provider_info, &len);
  g_autoptr(json_t) event = len > 0 ? json_parse(text, len, "key-provider", NULL) : NULL;
  const json_t *name = json_object_get(event, "name"), *id = json_object_get(event, "id");
  if (!json_is_string(name) || !json_is_string(id))
    return json_null();
  return json_pack("{s:O,s:O}", "name", name, "id", id);
}

static json_t *hashes(const GPtrArray *array) {
  json_t *out = json_array();
  for (guint i = 0; array && i < array->len; i++) {
    g_autofree char *hex = hex_encode_bytes(array->pdata[i]);
    json_array_append_new(out, json_string(hex));
  }
  return out;
}

json_t *response_app_info(const AppInfo *info, const guint8 os_image_hash[32]) {
  static const char *const rtmrs[TDX_N_RTMRS] = {"rtmr0", "rtmr1", "rtmr2", "rtmr3"};
  json_t *object = json_object();
  set_bytes(object, "app_id", info->app_id);
  set_bytes(object, "compose_hash", info->compose_hash);
  set_bytes(object, "instance_id", info->instance_id);
  set_hex(object, "device_id", info->device_id, sizeof info->device_id);
  set_hex(object, "mrtd", info->mrtd, sizeof info->mrtd);
  for (guint i = 0; i < TDX_N_RTMRS; i++)
    set_hex(object, rtmrs[i], info->rtmr[i], sizeof info->rtmr[i]);
  set_hex(object, "mr_system", info->mr_system, sizeof info->mr_system);
  set_hex(object, "mr_aggregated", info->mr_aggregated, sizeof info->mr_aggregated);
  set_hex(object, "os_image_hash", os_image_hash, SHA256_SIZE);
  set_bytes(object, "key_provider_info", info->key_provider_info);
  json_object_set_new(object, "init_script_hashes", hashes(info->init_script_hashes));
  return object;
}

/* The body that the KMS sends to its authorization webhook. */
static json_t *boot_info(const VerifiedEvidence *evidence, const ImageExpectation *os) {
  const AppInfo *info = evidence->app_info;
  json_t *object = json_object();
  json_object_set_new(object, "teeVariant", json_string(TEE_VARIANT));
  set_hex(object, "mrAggregated", info->mr_aggregated, sizeof info->mr_aggregated);
  set_hex(object, "osImageHash", os->hash, sizeof os->hash);
  set_hex(object, "mrSystem", info->mr_system, sizeof info->mr_system);
  set_bytes(object, "appId", info->app_id);
  set_bytes(object, "composeHash", info->compose_hash);
  set_bytes(object, "instanceId", info->instance_id);
  set_hex(object, "deviceId", info->device_id, sizeof info->device_id);
  set_bytes(object, "keyProviderInfo", info->key_provider_info);
  json_object_set_new(object, "tcbStatus", json_string(tcb_status_name(evidence->tcb_status)));
  json_object_set_new(object, "advisoryIds", advisories(evidence));
  return object;
}

static void describe_flags(const Verification *v, json_t *details) {
  json_object_set_new(details, "quote_verified", json_boolean(v->quote_verified));
  json_object_set_new(details, "event_log_verified", json_boolean(v->event_log_verified));
  json_object_set_new(details, "os_image_hash_verified", json_boolean(v->os_image_hash_verified));
  json_object_set_new(details, "acpi_tables_verified", json_boolean(v->os_image_hash_verified && v->os->acpi_verified));
  json_object_set_new(details, "os_image_is_dev",
                      v->os_image_hash_verified && !v->os->lite ? json_boolean(v->os->is_dev) : json_null());
  const char *version = v->os_image_hash_verified ? v->os->version : NULL;
  json_object_set_new(details, "os_image_version", version ? json_string(version) : json_null());
}

static void describe_evidence(const Verification *v, json_t *details) {
  const VerifiedEvidence *evidence = v->evidence;
  json_object_set_new(details, "tee_variant", evidence ? json_string(TEE_VARIANT) : json_null());
  if (evidence)
    set_hex(details, "report_data", evidence->quote->td.report_data, TDX_REPORT_DATA_SIZE);
  else
    json_object_set_new(details, "report_data", json_null());
  json_object_set_new(details, "tcb_status",
                      evidence ? json_string(tcb_status_name(evidence->tcb_status)) : json_null());
  json_object_set_new(details, "advisory_ids", advisories(evidence));
  json_object_set_new(details, "key_provider", v->event_log_verified ? key_provider(evidence->app_info) : json_null());
  json_object_set_new(details, "app_info",
                      v->event_log_verified ? response_app_info(evidence->app_info, v->os->hash) : json_null());
  if (v->event_log_verified)
    json_object_set_new(details, "boot_info", boot_info(evidence, v->os));
}

static void set_blob(json_t *object, const char *key, const GByteArray *blob) {
  set_hex(object, key, blob->data, blob->len);
}

/* What differs, for those who ask why. */
static void describe_debug(const Verification *v, json_t *details) {
  if (v->acpi.tables) {
    json_t *acpi = json_object();
    set_blob(acpi, "tables", v->acpi.tables);
    set_blob(acpi, "rsdp", v->acpi.rsdp);
    set_blob(acpi, "loader", v->acpi.loader);
    json_object_set_new(details, "acpi_tables", acpi);
  }
  if (v->os->measurements.boot_log)
    json_object_set_new(details, "rtmr_debug", rtmr_debug(v->os, v->evidence));
}

json_t *verification_describe(const Verification *v, gboolean debug) {
  json_t *details = json_object();
  describe_flags(v, details);
  describe_evidence(v, details);
  const char *anchor = v->evidence && v->evidence->external_root ? "external" : "vendor";
  json_object_set_new(details, "trust_anchor", v->evidence ? json_string(anchor) : json_null());
  if (debug && v->os && !v->os_image_hash_verified)
    describe_debug(v, details);
  json_t *response = json_object();
  json_object_set_new(response, "is_valid", json_boolean(v->is_valid));
  json_object_set_new(response, "details", details);
  json_object_set_new(response, "reason", v->reason ? json_string(v->reason) : json_null());
  return response;
}
