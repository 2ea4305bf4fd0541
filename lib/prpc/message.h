/* One generic mapping between protobuf messages and dstack's JSON, driven by protobuf-c descriptors
 * (spec: prpc-and-agent-api 1.3-1.5). */
#pragma once

#include <glib.h>
#include <protobuf-c/protobuf-c.h>

/* All messages use the C library's allocator: fields may be filled with g_strdup(), g_malloc() and the helpers below,
 * and everything is released with prpc_message_free(). */
ProtobufCMessage *prpc_message_new(const ProtobufCMessageDescriptor *type);
void prpc_message_free(ProtobufCMessage *message);
typedef ProtobufCMessage PrpcMessage;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(PrpcMessage, prpc_message_free)

/* Replaces a string or bytes field; the old value is freed unless it is protobuf-c's shared empty string. */
void prpc_set_string(char **field, const char *value);
void prpc_set_bytes(ProtobufCBinaryData *field, const void *data, gsize len);
void prpc_set_gbytes(ProtobufCBinaryData *field, GBytes *value);
/* Sets a field that proto3 calls optional (in our .proto files a oneof of one, see proto/kms.proto), by its name. */
void prpc_set_optional_string(ProtobufCMessage *message, const char *field, const char *value);
void prpc_set_optional_uint(ProtobufCMessage *message, const char *field, guint64 value);
gboolean prpc_has_optional(const ProtobufCMessage *message, const char *field);
GBytes *prpc_get_gbytes(const ProtobufCBinaryData *field);

/* google.protobuf.Empty is printed as `null`. Non-ASCII is escaped. */
char *prpc_message_to_json(const ProtobufCMessage *message);
ProtobufCMessage *prpc_message_from_json(const ProtobufCMessageDescriptor *type, const char *json, gsize len,
                                         GError **error);
ProtobufCMessage *prpc_message_from_query(const ProtobufCMessageDescriptor *type, const char *query, GError **error);
GBytes *prpc_message_pack(const ProtobufCMessage *message);
ProtobufCMessage *prpc_message_unpack(const ProtobufCMessageDescriptor *type, const void *data, gsize len,
                                      GError **error);
