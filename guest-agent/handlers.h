/* Handlers that several services share; user data is the Agent. */
#pragma once

#include "prpc/server.h"

/* WorkerVersion: the package version and the revision it was built from. */
gboolean handle_version(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                        GError **error);
/* AppInfo in full, for callers inside; and with what the compose lets everybody see. */
gboolean handle_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                     GError **error);
gboolean handle_public_info(PrpcCall *call, const ProtobufCMessage *request, ProtobufCMessage *response, gpointer data,
                            GError **error);
