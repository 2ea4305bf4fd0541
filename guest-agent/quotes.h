/* Quotes with the event log that replays to them (spec: prpc-and-agent-api 5.3). */
#pragma once

#include "guest-agent/agent.h"

#include "guest_agent.pb-c.h"

/* 0 to 64 bytes, zero padded; error INVALID for more. Never hashed, never cut. */
gboolean quote_report_data(const ProtobufCBinaryData *content, guint8 out[TDX_REPORT_DATA_SIZE], GError **error);
/* `vm_config` is what the caller may know of it. */
gboolean quote_respond(Agent *agent, const guint8 report_data[TDX_REPORT_DATA_SIZE], const char *vm_config,
                       DstackGuest__GetQuoteResponse *out, GError **error);
/* The same as one versioned attestation. New reference. */
GBytes *quote_attestation(Agent *agent, const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
