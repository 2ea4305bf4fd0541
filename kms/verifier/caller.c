#include "kms/verifier/caller.h"

#include "crypto/digest.h"

#include <string.h>

void caller_clear(Caller *caller) {
  g_clear_pointer(&caller->public_key, g_bytes_unref);
  boot_info_clear(&caller->info);
  boot_decision_clear(&caller->decision);
}

void caller_init(Caller *caller, AuditRequest request, GBytes *public_key) {
  *caller = (Caller){
      .request = request, .public_key = public_key, .decision.contract_block = AUDIT_BLOCK_UNKNOWN};
}

/* boot_info_from_evidence() let only this size through. */
static void copy_bytes(guint8 *out, GBytes *bytes, gsize size) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  memcpy(out, data, MIN(len, size));
}

static void copy_identity(const BootInfo *info, AuditFacts *out) {
  out->proven = TRUE;
  copy_bytes(out->app_id, info->app_id, sizeof out->app_id);
  out->has_instance_id = g_bytes_get_size(info->instance_id) != 0;
  if (out->has_instance_id)
    copy_bytes(out->instance_id, info->instance_id, sizeof out->instance_id);
  copy_bytes(out->compose_hash, info->compose_hash, sizeof out->compose_hash);
  memcpy(out->device_id, info->device_id, sizeof out->device_id);
  memcpy(out->mr_aggregated, info->mr_aggregated, sizeof out->mr_aggregated);
  memcpy(out->mr_system, info->mr_system, sizeof out->mr_system);
  memcpy(out->os_image_hash, info->os_image_hash, sizeof out->os_image_hash);
  (void)g_strlcpy(out->tcb_status, info->tcb_status, sizeof out->tcb_status); /* names are shorter */
}

void caller_facts(const Caller *caller, AuditFacts *out) {
  *out = (AuditFacts){.request = caller->request, .contract_block = caller->decision.contract_block};
  out->has_client_key = caller->public_key != NULL;
  if (caller->public_key) {
    gsize len;
    const void *spki = g_bytes_get_data(caller->public_key, &len);
    digest_sha256(spki, len, out->client_key);
  }
  if (caller->info.app_id)
    copy_identity(&caller->info, out);
}
