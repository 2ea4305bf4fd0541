#include "bytes.h"
#include "fail.h"
#include "rpc.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
  const char *name;
  size_t offset;
  bool required;
} Member;

#define INFO(name, required)                                                                                           \
  { #name, offsetof(dstack_info, name), required }
#define TCB(name)                                                                                                      \
  { #name, offsetof(dstack_tcb_info, name), false }

static const Member info_members[] = {
    INFO(app_id, true),         INFO(instance_id, true),    INFO(device_id, true),
    INFO(mr_aggregated, false), INFO(os_image_hash, false), INFO(compose_hash, true),
    INFO(app_name, true),       INFO(app_cert, true),       INFO(key_provider_info, true),
    INFO(vm_config, false),     INFO(cloud_vendor, false),  INFO(cloud_product, false),
};
static const Member tcb_members[] = {
    TCB(mrtd),          TCB(rtmr0),         TCB(rtmr1),        TCB(rtmr2),     TCB(rtmr3),
    TCB(mr_aggregated), TCB(os_image_hash), TCB(compose_hash), TCB(device_id), TCB(app_compose),
};
#define COUNT(list) (sizeof(list) / sizeof(list)[0])

static char **text_at(void *object, const Member *member) { return (char **)((char *)object + member->offset); }

static void clear_members(void *object, const Member *members, size_t count) {
  for (size_t i = 0; i < count; i++)
    wipe_string(*text_at(object, &members[i]));
}

static dstack_status read_members(const json_t *json, void *object, const Member *members, size_t count,
                                  dstack_error *error) {
  dstack_status status = DSTACK_OK;
  for (size_t i = 0; status == DSTACK_OK && i < count; i++)
    status = rpc_get_text(json, members[i].name, members[i].required, text_at(object, &members[i]), error);
  return status;
}

void dstack_info_clear(dstack_info *info) {
  clear_members(info, info_members, COUNT(info_members));
  clear_members(&info->tcb_info, tcb_members, COUNT(tcb_members));
  wipe_string(info->tcb_info.event_log);
  *info = (dstack_info){0};
}

/* `tcb_info` is JSON within a text member; "" when the agent keeps it to itself. */
static dstack_status read_tcb_info(const json_t *answer, dstack_tcb_info *out, dstack_error *error) {
  const char *text = json_string_value(json_object_get(answer, "tcb_info"));
  json_t *tcb = text && *text ? json_loads(text, 0, NULL) : json_object();
  const json_t *log = json_object_get(tcb, "event_log");
  dstack_status status;
  if (!json_is_object(tcb))
    status = fail(error, DSTACK_MALFORMED, "the answer's member tcb_info is not a JSON object");
  else
    status = read_members(tcb, out, tcb_members, COUNT(tcb_members), error);
  if (status == DSTACK_OK && !(out->event_log = log ? json_dumps(log, JSON_COMPACT) : strdup("")))
    status = fail_memory(error);
  json_decref(tcb);
  return status;
}

static dstack_status call_info(dstack_client *client, const char *path, dstack_info *info, dstack_error *error) {
  json_t *answer = NULL;
  dstack_info result = {0};
  dstack_status status = rpc_call(client, path, json_object(), &answer, error);
  if (status == DSTACK_OK)
    status = read_members(answer, &result, info_members, COUNT(info_members), error);
  if (status == DSTACK_OK)
    status = read_tcb_info(answer, &result.tcb_info, error);
  rpc_release(answer);
  if (status == DSTACK_OK)
    *info = result;
  else
    dstack_info_clear(&result);
  return status;
}

dstack_status dstack_get_info(dstack_client *client, dstack_info *info, dstack_error *error) {
  return call_info(client, "/Info", info, error);
}

dstack_status dstack_tappd_get_info(dstack_client *client, dstack_info *info, dstack_error *error) {
  return call_info(client, "/prpc/Tappd.Info", info, error);
}
