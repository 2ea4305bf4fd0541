/* Event logs: boot events (CCEL) and runtime events of RTMR3, their JSON form, digests and replay (spec: attestation
 * C). */
#pragma once

#include "tdx/quote.h"

#include <glib.h>

#define TDX_RUNTIME_EVENT_TYPE 0x08000001u
#define TDX_RUNTIME_RTMR 3u
#define TDX_LOG_MAX_EVENTS 4096
#define TDX_LOG_MAX_JSON (10 * 1024 * 1024)
#define TDX_EVENT_NAME_MAX 128
#define TDX_EVENT_PAYLOAD_MAX (64 * 1024) /* for emission; logs from outside may hold up to 1 MiB */

typedef struct {
  guint32 imr; /* 0-based RTMR index */
  guint32 type;
  guint8 digest[48];
  char *name; /* "" for boot events, but for labels */
  GBytes *payload;
  guint version; /* digest rule of a runtime event: 1, or 2 in logs of newer peers */
} TdxEvent;

/* An ordered log. Element type TdxEvent*. */
typedef GPtrArray TdxEventLog;
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxEventLog, g_ptr_array_unref)
TdxEventLog *tdx_event_log_new(void);
void tdx_event_free(TdxEvent *event);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TdxEvent, tdx_event_free)
TdxEvent *tdx_event_new(guint32 imr, guint32 type, const guint8 digest[48], const char *name, GBytes *payload);

/* V1 digest: sha384(LE32(type) || ":" || name || ":" || payload). */
void tdx_runtime_digest_v1(const char *name, const void *payload, gsize len, guint8 out[48]);
/* V2 digest: sha384 of the canonical JSON {"name","payload","type"} (RFC 8785), as newer peers may choose. */
void tdx_runtime_digest_v2(const char *name, const void *payload, gsize len, guint8 out[48]);
/* What that hashes. */
GBytes *tdx_runtime_preimage_v2(const char *name, GBytes *payload);
/* TRUE for 1..128 characters of [A-Za-z0-9._/-]: a name whose V1 preimage can be split in one way only. */
gboolean tdx_event_name_ok(const char *name);
/* A runtime event with its V1 digest. Error INVALID: name not 1..128 of [A-Za-z0-9._/-], payload too long. */
TdxEvent *tdx_runtime_event(const char *name, const void *payload, gsize len, GError **error);
/* Gives a runtime event another digest rule: 1 or 2. */
void tdx_event_set_version(TdxEvent *event, guint version);

/* Parses the JSON array form. Runtime digests are recomputed: an empty one is derived, a different one is an error
 * (UNVERIFIED "event digest mismatch"). Runtime events on imr 0-2, other events on imr 3 and limits exceeded: INVALID.
 */
TdxEventLog *tdx_event_log_parse(const char *json, gsize len, GError **error);
/* Adds an event of a log from outside by the same rules. Takes `event`, whose digest is set from `digest`; `digest` and
 * `preimage` are what the log says, empty or NULL when it says nothing. */
gboolean tdx_event_log_add(TdxEventLog *log, TdxEvent *event, GBytes *digest, GBytes *preimage, GError **error);
/* Compact JSON array with the keys of C.1; every digest filled, and what was hashed for those of version 2. */
char *tdx_event_log_print(TdxEventLog *log);
/* One event as a compact JSON object (a line of the runtime log). */
char *tdx_event_print(const TdxEvent *event);
/* Parses a binary CCEL table. Dropped, because no register holds them: events of lane 0 (MRTD) and EV_NO_ACTION. */
TdxEventLog *tdx_ccel_parse(const void *data, gsize len, GError **error);
/* Writes a binary CCEL table with one SHA-384 digest an event, padded with 0xff to `size` (for the simulated platform).
 */
GBytes *tdx_ccel_build(TdxEventLog *log, gsize size, GError **error);

/* mr = sha384(mr || digest) over the events of one register, in order, starting from 48 zero bytes. When `until` is not
 * NULL, RTMR3 stops after the first runtime event of that name; error INVALID when there is none. */
gboolean tdx_replay(TdxEventLog *log, guint imr, const char *until, guint8 out[48], GError **error);

/* First runtime event of that name before the first "system-ready"; NULL when there is none. */
const TdxEvent *tdx_event_log_find(TdxEventLog *log, const char *name);
