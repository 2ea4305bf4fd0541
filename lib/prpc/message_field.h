/* Inside lib/prpc: access to the fields of any message through its descriptor, shared by the JSON, query and wire
 * readers. */
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

/* Bounds what a small body can make us allocate: elements of repeated fields, or fields on the wire, in one message. */
#define PRPC_MAX_ELEMENTS 100000

gboolean prpc_type_is_empty(const ProtobufCMessageDescriptor *type);
/* TRUE for a field that proto3 calls `optional`. */
gboolean prpc_field_is_optional(const ProtobufCFieldDescriptor *field);
gboolean prpc_field_is_repeated(const ProtobufCFieldDescriptor *field);
/* Whether an optional field or a sub-message is there. */
gboolean prpc_field_is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

const void *prpc_field_peek(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
gsize prpc_field_count(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);
/* Element `index` of a repeated field. */
const void *prpc_field_peek_at(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, gsize index);

/* Where to store a value: the member itself (an optional one becomes present), or a new zeroed element at the end. */
void *prpc_field_slot(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Store a value that arrived as text. Errors INVALID without the field's name. */
gboolean prpc_slot_set_integer(void *slot, ProtobufCType type, const char *digits, gsize len, GError **error);
gboolean prpc_slot_set_string(void *slot, const char *text, gsize len, GError **error);
gboolean prpc_slot_set_hex(void *slot, const char *text, gsize len, GError **error);
