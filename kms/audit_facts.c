#include "kms/audit_facts.h"

#include <string.h>

void audit_facts_put(WireBuffer *buffer, const AuditFacts *facts) {
  wire_put_u8(buffer, (guint8)facts->request);
  wire_put_u8(buffer, facts->has_client_key != FALSE);
  wire_put_fixed(buffer, facts->client_key, sizeof facts->client_key);
  wire_put_u8(buffer, facts->proven != FALSE);
  wire_put_fixed(buffer, facts->app_id, sizeof facts->app_id);
  wire_put_u8(buffer, facts->has_instance_id != FALSE);
  wire_put_fixed(buffer, facts->instance_id, sizeof facts->instance_id);
  wire_put_fixed(buffer, facts->device_id, sizeof facts->device_id);
  wire_put_fixed(buffer, facts->compose_hash, sizeof facts->compose_hash);
  wire_put_fixed(buffer, facts->mr_aggregated, sizeof facts->mr_aggregated);
  wire_put_fixed(buffer, facts->mr_system, sizeof facts->mr_system);
  wire_put_fixed(buffer, facts->os_image_hash, sizeof facts->os_image_hash);
  wire_put_text(buffer, facts->tcb_status);
  wire_put_u64(buffer, facts->contract_block);
}

static gboolean get_flag(Reader *reader) {
  guint8 value = reader_u8(reader);
  if (value > 1)
    reader_fail(reader);
  return value != 0;
}

void audit_facts_get(Reader *reader, AuditFacts *out) {
  *out = (AuditFacts){0};
  guint8 request = reader_u8(reader);
  if (request > AUDIT_KMS_KEY)
    reader_fail(reader);
  out->request = (AuditRequest)request;
  out->has_client_key = get_flag(reader);
  reader_copy(reader, out->client_key, sizeof out->client_key);
  out->proven = get_flag(reader);
  reader_copy(reader, out->app_id, sizeof out->app_id);
  out->has_instance_id = get_flag(reader);
  reader_copy(reader, out->instance_id, sizeof out->instance_id);
  reader_copy(reader, out->device_id, sizeof out->device_id);
  reader_copy(reader, out->compose_hash, sizeof out->compose_hash);
  reader_copy(reader, out->mr_aggregated, sizeof out->mr_aggregated);
  reader_copy(reader, out->mr_system, sizeof out->mr_system);
  reader_copy(reader, out->os_image_hash, sizeof out->os_image_hash);
  g_autofree char *tcb_status = wire_get_text(reader, sizeof out->tcb_status - 1);
  (void)g_strlcpy(out->tcb_status, tcb_status, sizeof out->tcb_status); /* its length was bounded just now */
  out->contract_block = reader_u64be(reader);
}
