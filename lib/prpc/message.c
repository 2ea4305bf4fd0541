#include "prpc/message.h"

#include "base/error.h"
#include "base/secret.h"
#include "prpc/message_field.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

ProtobufCMessage *prpc_message_new(const ProtobufCMessageDescriptor *type) {
  ProtobufCMessage *message = g_malloc(type->sizeof_message);
  protobuf_c_message_init(type, message);
  return message;
}

static void *allocate(void *data, size_t size) {
  (void)data; /* one heap for all */
  return malloc(size);
}

/* Keys travel in messages, so that all of them are wiped. */
static void wipe_and_free(void *data, void *memory) {
  (void)data; /* one heap for all */
  if (memory)
    secret_wipe(memory, malloc_usable_size(memory));
  free(memory);
}

void prpc_message_free(ProtobufCMessage *message) {
  ProtobufCAllocator wiping = {.alloc = allocate, .free = wipe_and_free};
  if (message)
    protobuf_c_message_free_unpacked(message, &wiping);
}

void prpc_set_string(char **field, const char *value) {
  if (*field != protobuf_c_empty_string)
    g_free(*field);
  *field = g_strdup(value ? value : "");
}

void prpc_set_bytes(ProtobufCBinaryData *field, const void *data, gsize len) {
  g_free(field->data);
  field->data = len ? g_memdup2(data, len) : NULL;
  field->len = len;
}

void prpc_set_gbytes(ProtobufCBinaryData *field, GBytes *value) {
  gsize len = 0;
  const void *data = value ? g_bytes_get_data(value, &len) : NULL;
  prpc_set_bytes(field, data, len);
}

GBytes *prpc_get_gbytes(const ProtobufCBinaryData *field) { return g_bytes_new(field->data, field->len); }

static const ProtobufCFieldDescriptor *optional_field(const ProtobufCMessage *message, const char *name) {
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(message->descriptor, name);
  if (!field || !prpc_field_is_optional(field))
    g_error("%s has no optional field %s", message->descriptor->name, name);
  return field;
}

void prpc_set_optional_string(ProtobufCMessage *message, const char *field, const char *value) {
  const ProtobufCFieldDescriptor *descriptor = optional_field(message, field);
  gboolean present = prpc_field_is_present(message, descriptor);
  char **slot = prpc_field_slot(message, descriptor);
  if (!present)
    *slot = NULL;
  prpc_set_string(slot, value);
}

void prpc_set_optional_uint(ProtobufCMessage *message, const char *field, guint64 value) {
  const ProtobufCFieldDescriptor *descriptor = optional_field(message, field);
  void *slot = prpc_field_slot(message, descriptor);
  if (descriptor->type == PROTOBUF_C_TYPE_UINT64)
    *(guint64 *)slot = value;
  else if (descriptor->type == PROTOBUF_C_TYPE_UINT32 && value <= G_MAXUINT32)
    *(guint32 *)slot = (guint32)value;
  else
    g_error("%s.%s can not hold this number", message->descriptor->name, field);
}

gboolean prpc_has_optional(const ProtobufCMessage *message, const char *field) {
  return prpc_field_is_present(message, optional_field(message, field));
}
