/* KMS.GetKmsKey: another KMS takes over the root keys (spec: kms 5.4, 6). */
#pragma once

#include "kms/service.h"

/* A PrpcHandler; `user_data` is the KmsService. */
gboolean kms_key_answer(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer user_data,
                        GError **error);
