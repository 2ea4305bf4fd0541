/* What the fuzz targets of the message mapping share. */
#pragma once

#include "guest_agent.pb-c.h"
#include "guest_api.pb-c.h"
#include "kms.pb-c.h"
#include "prpc/message.h"
#include "vmm.pb-c.h"

#include <string.h>

/* Messages with every kind of field the contracts have. */
static inline const ProtobufCMessageDescriptor *fuzz_type(guint8 selector) {
  static const ProtobufCMessageDescriptor *const types[] = {
      &dstack_guest__get_tls_key_args__descriptor,
      &dstack_guest__get_key_args__descriptor,
      &dstack_guest__raw_quote_args__descriptor,
      &dstack_guest__get_key_response__descriptor,
      &guest_api__system_info__descriptor,
      &guest_api__network_information__descriptor,
      &guest_api__list_containers_response__descriptor,
      &kms__sign_cert_request__descriptor,
      &vmm__vm_configuration__descriptor,
      &vmm__status_response__descriptor,
  };
  return types[selector % G_N_ELEMENTS(types)];
}

/* A message that was accepted has one JSON text and one protobuf form, and both lead back to it. */
static inline void fuzz_check_round_trip(const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *type = message->descriptor;
  g_autofree char *json = prpc_message_to_json(message);
  g_autoptr(PrpcMessage) from_json = prpc_message_from_json(type, json, strlen(json), NULL);
  g_assert(from_json);
  g_autofree char *again = prpc_message_to_json(from_json);
  g_assert(strcmp(json, again) == 0);
  g_autoptr(GBytes) packed = prpc_message_pack(message);
  gsize len;
  const void *data = g_bytes_get_data(packed, &len);
  g_autoptr(PrpcMessage) unpacked = prpc_message_unpack(type, data, len, NULL);
  g_assert(unpacked);
  g_autofree char *from_packed = prpc_message_to_json(unpacked);
  g_assert(strcmp(json, from_packed) == 0);
}
