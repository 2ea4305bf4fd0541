#include "prpc/message_field.h"

#include "base/error.h"
#include "base/hex.h"

#include <string.h>

gboolean prpc_type_is_empty(const ProtobufCMessageDescriptor *type) {
  return strcmp(type->name, "google.protobuf.Empty") == 0;
}

/* Debian 12's protoc-c knows no `optional`: our contracts write it as a oneof of one, and have no other oneofs. */
gboolean prpc_field_is_optional(const ProtobufCFieldDescriptor *field) {
  return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

gboolean prpc_field_is_repeated(const ProtobufCFieldDescriptor *field) {
  return field->label == PROTOBUF_C_LABEL_REPEATED;
}

gboolean prpc_field_is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (prpc_field_is_optional(field))
    return G_STRUCT_MEMBER(guint32, message, field->quantifier_offset) == field->id;
  return field->type != PROTOBUF_C_TYPE_MESSAGE || G_STRUCT_MEMBER(gpointer, message, field->offset) != NULL;
}

const void *prpc_field_peek(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  return G_STRUCT_MEMBER_P(message, field->offset);
}

gsize prpc_field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  return G_STRUCT_MEMBER(size_t, message, field->quantifier_offset);
}

static gsize element_size(ProtobufCType type) {
  switch (type) {
  case PROTOBUF_C_TYPE_BOOL:
    return sizeof(protobuf_c_boolean);
  case PROTOBUF_C_TYPE_INT32:
  case PROTOBUF_C_TYPE_UINT32:
  case PROTOBUF_C_TYPE_ENUM:
    return 4;
  case PROTOBUF_C_TYPE_INT64:
  case PROTOBUF_C_TYPE_UINT64:
    return 8;
  case PROTOBUF_C_TYPE_STRING:
    return sizeof(char *);
  case PROTOBUF_C_TYPE_BYTES:
    return sizeof(ProtobufCBinaryData);
  case PROTOBUF_C_TYPE_MESSAGE:
    return sizeof(ProtobufCMessage *);
  default:
    g_error("no prpc mapping for protobuf-c type %d", type);
  }
}

const void *prpc_field_peek_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, gsize index) {
  const guint8 *elements = G_STRUCT_MEMBER(const guint8 *, message, field->offset);
  return elements + index * element_size(field->type);
}

static void *append_element(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  size_t *count = G_STRUCT_MEMBER_P(message, field->quantifier_offset);
  guint8 **elements = G_STRUCT_MEMBER_P(message, field->offset);
  gsize size = element_size(field->type);
  /* The array has no capacity member: it doubles whenever the count is a power of two. */
  if ((*count & (*count - 1)) == 0)
    *elements = g_realloc_n(*elements, *count ? 2 * *count : 1, size);
  void *slot = *elements + *count * size;
  memset(slot, 0, size);
  (*count)++;
  return slot;
}

void *prpc_field_slot(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (prpc_field_is_repeated(field))
    return append_element(message, field);
  if (prpc_field_is_optional(field))
    G_STRUCT_MEMBER(guint32, message, field->quantifier_offset) = field->id;
  return G_STRUCT_MEMBER_P(message, field->offset);
}

static gboolean is_signed(ProtobufCType type) {
  return type == PROTOBUF_C_TYPE_INT32 || type == PROTOBUF_C_TYPE_INT64 || type == PROTOBUF_C_TYPE_ENUM;
}

/* The largest magnitude of a value with the given sign. */
static guint64 integer_limit(ProtobufCType type, gboolean negative) {
  gboolean wide = element_size(type) == 8;
  if (!is_signed(type))
    return negative ? 0 : wide ? G_MAXUINT64 : G_MAXUINT32;
  guint64 max = wide ? G_MAXINT64 : G_MAXINT32;
  return negative ? max + 1 : max;
}

gboolean prpc_slot_set_integer(void *slot, ProtobufCType type, const char *digits, gsize len, GError **error) {
  gboolean negative = len > 0 && digits[0] == '-';
  guint64 limit = integer_limit(type, negative);
  guint64 value = 0;
  gsize sign = negative ? 1 : 0;
  gboolean valid = len > sign && (!negative || is_signed(type));
  for (gsize i = sign; valid && i < len; i++) {
    guint digit = (guint)(digits[i] - '0');
    valid = g_ascii_isdigit(digits[i]) && value <= (limit - digit) / 10 && digit <= limit;
    value = value * 10 + digit;
  }
  if (!valid) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID,
                "expected a whole number from %s%" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
                is_signed(type) ? "-" : "", integer_limit(type, TRUE), integer_limit(type, FALSE));
    return FALSE;
  }
  guint64 bits = negative ? 0 - value : value;
  if (element_size(type) == 8)
    *(guint64 *)slot = bits;
  else
    *(guint32 *)slot = (guint32)bits;
  return TRUE;
}

/* Strings are counted on the wire but end at a NUL in C: one inside would silently cut the text, so it is refused. */
gboolean prpc_slot_set_string(void *slot, const char *text, gsize len, GError **error) {
  if (memchr(text, 0, len)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "a string must not contain a nul character");
    return FALSE;
  }
  *(char **)slot = g_strndup(text, len);
  return TRUE;
}

gboolean prpc_slot_set_hex(void *slot, const char *text, gsize len, GError **error) {
  while (len >= 2 && text[0] == '0' && text[1] == 'x') {
    text += 2;
    len -= 2;
  }
  g_autoptr(GBytes) bytes = hex_decode(text, len, error);
  if (!bytes)
    return FALSE;
  ProtobufCBinaryData *data = slot;
  data->data = g_bytes_unref_to_data(g_steal_pointer(&bytes), &data->len);
  return TRUE;
}
