/* Frames between the three processes of the KMS: `length (u32 BE) || type (u8) || body`, where length counts type and
 * body. Integers are big-endian; a blob is `length (u32 BE) || bytes`; everything else has a fixed size. The messages
 * themselves are in kms/protocol.h. Buffers may hold keys and are therefore wiped when they grow and when they are
 * freed. */
#pragma once

#include "base/reader.h"
#include "base/secret.h"

#include <glib.h>

#define WIRE_MAX_FRAME (24 * 1024 * 1024)
/* Types of answers. */
#define WIRE_OK 0
#define WIRE_ERROR 0xff /* code (u8, a DstackErrorCode) || text (blob) */

typedef struct WireBuffer WireBuffer;
WireBuffer *wire_buffer_new(guint8 type);
/* `frame` begins with the type byte; for tests and fuzzing. An empty one is WIRE_ERROR. */
WireBuffer *wire_buffer_parse(const void *frame, gsize len);
void wire_buffer_free(WireBuffer *buffer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(WireBuffer, wire_buffer_free)

guint8 wire_type(const WireBuffer *buffer);
/* Stands at the body's first byte. */
Reader wire_body(const WireBuffer *buffer);

void wire_put_u8(WireBuffer *buffer, guint8 value);
void wire_put_u32(WireBuffer *buffer, guint32 value);
void wire_put_u64(WireBuffer *buffer, guint64 value);
void wire_put_fixed(WireBuffer *buffer, const void *data, gsize len);
void wire_put_blob(WireBuffer *buffer, const void *data, gsize len);
/* NULL counts as empty. */
void wire_put_bytes(WireBuffer *buffer, GBytes *bytes);
void wire_put_text(WireBuffer *buffer, const char *text);
void wire_put_secret(WireBuffer *buffer, const Secret *secret);

/* A blob of at most `max` bytes; a longer one fails the reader. Never NULL. */
GBytes *wire_get_bytes(Reader *reader, gsize max);
/* As wire_get_bytes(), and the text must be UTF-8 without NUL. Never NULL. */
char *wire_get_text(Reader *reader, gsize max);
Secret *wire_get_secret(Reader *reader, gsize max);

/* Errors: UNAVAILABLE when the peer is gone, TIMEOUT as the socket's options say, TOO_LARGE for a frame over `max`. */
gboolean wire_send(int fd, const WireBuffer *buffer, GError **error);
WireBuffer *wire_receive(int fd, gsize max, GError **error);
/* One request, one answer. An answer of type WIRE_ERROR becomes *error. */
WireBuffer *wire_call(int fd, const WireBuffer *request, gsize max, GError **error);
/* For answers that were received otherwise: FALSE, and *error set, when it is of type WIRE_ERROR. */
gboolean wire_require_ok(const WireBuffer *answer, GError **error);
WireBuffer *wire_error_answer(const GError *error);
