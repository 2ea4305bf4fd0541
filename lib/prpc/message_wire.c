/* Protobuf's binary form. protobuf-c does the work; what it lets pass and we must not is checked here first. */
#include "prpc/message.h"
#include "prpc/message_field.h"

#include "base/error.h"
#include "base/reader.h"
#include "base/secret.h"

#include <string.h>

#define MAX_DEPTH 16
#define MAX_VARINT_BYTES 10

typedef enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 } WireType;

static guint64 read_varint(Reader *reader) {
  guint64 value = 0;
  for (guint i = 0; i < MAX_VARINT_BYTES; i++) {
    guint8 byte = reader_u8(reader);
    value |= (guint64)(byte & 0x7f) << (7 * i);
    if (!(byte & 0x80))
      return value;
  }
  reader_fail(reader);
  return 0;
}

static gboolean wire_type_fits(const ProtobufCFieldDescriptor *field, WireType wire) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_STRING:
  case PROTOBUF_C_TYPE_BYTES:
  case PROTOBUF_C_TYPE_MESSAGE:
    return wire == WIRE_LENGTH;
  default: /* all our numbers are varints; repeated ones may also be packed */
    return wire == WIRE_VARINT || (wire == WIRE_LENGTH && prpc_field_is_repeated(field));
  }
}

static Reader read_field(Reader *reader, WireType wire) {
  switch (wire) {
  case WIRE_VARINT:
    read_varint(reader);
    break;
  case WIRE_FIXED64:
    reader_skip(reader, 8);
    break;
  case WIRE_FIXED32:
    reader_skip(reader, 4);
    break;
  case WIRE_LENGTH: {
    guint64 len = read_varint(reader);
    if (len <= reader_remaining(reader))
      return reader_sub(reader, (gsize)len);
    reader_fail(reader);
    break;
  }
  default:
    reader_fail(reader);
  }
  return reader_init(NULL, 0);
}

static gboolean check_message(Reader *reader, const ProtobufCMessageDescriptor *type, guint depth, guint *budget,
                              GError **error);

static gboolean check_field(Reader *content, const ProtobufCFieldDescriptor *field, guint depth, guint *budget,
                            GError **error) {
  if (field->type == PROTOBUF_C_TYPE_MESSAGE)
    return check_message(content, field->descriptor, depth + 1, budget, error);
  if (field->type != PROTOBUF_C_TYPE_STRING)
    return TRUE;
  /* g_utf8_validate_len() also refuses a NUL inside, which would cut the text in C. */
  if (content->len == 0 || g_utf8_validate_len((const char *)content->data, content->len, NULL))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not valid utf-8 text without nul characters",
              field->name);
  return FALSE;
}

static gboolean check_message(Reader *reader, const ProtobufCMessageDescriptor *type, guint depth, guint *budget,
                              GError **error) {
  while (reader_ok(reader) && reader_remaining(reader) > 0) {
    guint64 key = read_varint(reader);
    const ProtobufCFieldDescriptor *field =
        key >> 3 <= G_MAXUINT ? protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3)) : NULL;
    WireType wire = key & 7;
    Reader content = read_field(reader, wire);
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff || depth > MAX_DEPTH || (*budget)-- == 0 ||
        (field && !wire_type_fits(field, wire)))
      reader_fail(reader);
    else if (field && reader_ok(reader) && !check_field(&content, field, depth, budget, error))
      return FALSE;
  }
  if (reader_ok(reader))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid protobuf message of type %s", type->short_name);
  return FALSE;
}

ProtobufCMessage *prpc_message_unpack(const ProtobufCMessageDescriptor *type, const void *data, gsize len,
                                      GError **error) {
  if (prpc_type_is_empty(type))
    return prpc_message_new(type);
  Reader reader = reader_init(data, len);
  guint budget = PRPC_MAX_ELEMENTS;
  if (!check_message(&reader, type, 0, &budget, error))
    return NULL;
  ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, len, data);
  if (!message)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid protobuf message of type %s", type->short_name);
  return message;
}

GBytes *prpc_message_pack(const ProtobufCMessage *message) {
  gsize len = protobuf_c_message_get_packed_size(message);
  guint8 *data = g_malloc(len + 1);
  protobuf_c_message_pack(message, data);
  return secret_bytes_take(data, len); /* keys travel in messages */
}
