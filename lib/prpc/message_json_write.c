/* Messages to JSON: every field, in the order of the contract, compact, ASCII. */
#include "prpc/json_text.h"
#include "prpc/message.h"
#include "prpc/message_field.h"

#include "base/hex.h"
#include "base/secret.h"

#include <string.h>

#define SIZE_OF_NAMES 1024 /* bytes that the names of an answer with keys take at most */

/* Fields that newer versions added in a way older clients must not see while they are empty. */
static const struct {
  const char *type, *field;
} omitted_when_empty[] = {
    {"dstack_guest.GetQuoteResponse", "attestation"},
    {"kms.KmsKeyResponse", "sealed_keys"},
};

static void write_message(GString *out, const ProtobufCMessage *message);

static void write_value(GString *out, const ProtobufCFieldDescriptor *field, const void *value) {
  switch (field->type) {
  case PROTOBUF_C_TYPE_BOOL:
    g_string_append(out, *(const protobuf_c_boolean *)value ? "true" : "false");
    break;
  case PROTOBUF_C_TYPE_INT32:
  case PROTOBUF_C_TYPE_ENUM:
    g_string_append_printf(out, "%" G_GINT32_FORMAT, *(const gint32 *)value);
    break;
  case PROTOBUF_C_TYPE_UINT32:
    g_string_append_printf(out, "%" G_GUINT32_FORMAT, *(const guint32 *)value);
    break;
  case PROTOBUF_C_TYPE_INT64:
    g_string_append_printf(out, "%" G_GINT64_FORMAT, *(const gint64 *)value);
    break;
  case PROTOBUF_C_TYPE_UINT64:
    g_string_append_printf(out, "%" G_GUINT64_FORMAT, *(const guint64 *)value);
    break;
  case PROTOBUF_C_TYPE_STRING:
    prpc_json_append_string(out, *(char *const *)value);
    break;
  case PROTOBUF_C_TYPE_BYTES: {
    const ProtobufCBinaryData *bytes = value;
    char *hex = hex_encode(bytes->data, bytes->len);
    g_string_append_c(out, '"');
    g_string_append_len(out, hex, (gssize)(2 * bytes->len));
    g_string_append_c(out, '"');
    secret_wipe(hex, 2 * bytes->len); /* keys are such fields */
    g_free(hex);
    break;
  }
  case PROTOBUF_C_TYPE_MESSAGE:
    write_message(out, *(ProtobufCMessage *const *)value);
    break;
  default:
    g_error("no json mapping for protobuf-c type %d", field->type);
  }
}

static void write_array(GString *out, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  g_string_append_c(out, '[');
  for (gsize i = 0; i < prpc_field_count(message, field); i++) {
    if (i > 0)
      g_string_append_c(out, ',');
    write_value(out, field, prpc_field_peek_at(message, field, i));
  }
  g_string_append_c(out, ']');
}

static gboolean is_omitted(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  for (gsize i = 0; i < G_N_ELEMENTS(omitted_when_empty); i++)
    if (strcmp(omitted_when_empty[i].type, message->descriptor->name) == 0 &&
        strcmp(omitted_when_empty[i].field, field->name) == 0)
      return ((const ProtobufCBinaryData *)prpc_field_peek(message, field))->len == 0;
  return FALSE;
}

static void write_message(GString *out, const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *type = message->descriptor;
  if (prpc_type_is_empty(type)) {
    g_string_append(out, "null");
    return;
  }
  char separator = '{';
  for (unsigned i = 0; i < type->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    if (is_omitted(message, field))
      continue;
    g_string_append_printf(out, "%c\"%s\":", separator, field->name);
    separator = ',';
    if (prpc_field_is_repeated(field))
      write_array(out, message, field);
    else if (prpc_field_is_present(message, field))
      write_value(out, field, prpc_field_peek(message, field));
    else
      g_string_append(out, "null");
  }
  g_string_append(out, separator == '{' ? "{}" : "}");
}

/* Hex and line breaks take two characters for a byte. An answer with keys fits, and so is never moved, which would leave
 * a copy behind. */
char *prpc_message_to_json(const ProtobufCMessage *message) {
  GString *out = g_string_sized_new(SIZE_OF_NAMES + 2 * protobuf_c_message_get_packed_size(message));
  write_message(out, message);
  return g_string_free(out, FALSE);
}
