/* The binary boot log of the firmware: TCG event log 2 in the area of the ACPI table CCEL (spec: attestation C.2). */
#include "tdx/event_log.h"

#include "base/error.h"
#include "base/reader.h"
#include "tdx/event_log_internal.h"

#include <string.h>

#define CCEL_MAX_SIZE (4 * 1024 * 1024)
#define EV_NO_ACTION 3u
#define END_OF_LOG 0xffffffffu
#define MAX_ALGORITHMS 16
#define ALGORITHM_SHA384 0x000c
#define SPEC_ID_SIGNATURE "Spec ID Event03" /* with its NUL: 16 bytes */

typedef struct {
  guint16 id[MAX_ALGORITHMS], digest_size[MAX_ALGORITHMS];
  guint32 count;
} AlgorithmTable;

static gboolean invalid(GError **error, const char *text) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "ccel: %s", text);
  return FALSE;
}

static gboolean read_algorithms(Reader spec_id, AlgorithmTable *table, GError **error) {
  const guint8 *signature = reader_take(&spec_id, sizeof SPEC_ID_SIGNATURE);
  if (!signature || memcmp(signature, SPEC_ID_SIGNATURE, sizeof SPEC_ID_SIGNATURE) != 0)
    return invalid(error, "no spec id event at the start");
  reader_skip(&spec_id, 4 + 1 + 1 + 1 + 1); /* platform class, minor, major, errata, size of uintn */
  table->count = reader_u32le(&spec_id);
  if (table->count > MAX_ALGORITHMS)
    return invalid(error, "too many digest algorithms");
  for (guint32 i = 0; i < table->count; i++) {
    table->id[i] = reader_u16le(&spec_id);
    table->digest_size[i] = reader_u16le(&spec_id);
  }
  reader_skip(&spec_id, reader_u8(&spec_id)); /* vendor info */
  return reader_finish(&spec_id, "ccel: spec id event", error);
}

static gboolean read_header(Reader *reader, AlgorithmTable *table, GError **error) {
  reader_skip(reader, 4); /* register index, of no meaning here */
  guint32 type = reader_u32le(reader);
  reader_skip(reader, 20); /* SHA-1 digest of an event that is not measured */
  guint32 size = reader_u32le(reader);
  Reader spec_id = reader_sub(reader, size);
  if (!reader_check(reader, "ccel header", error))
    return FALSE;
  if (type != EV_NO_ACTION)
    return invalid(error, "no spec id event at the start");
  return read_algorithms(spec_id, table, error);
}

static gsize digest_size(const AlgorithmTable *table, guint16 id) {
  for (guint32 i = 0; i < table->count; i++)
    if (table->id[i] == id)
      return table->digest_size[i];
  return 0;
}

/* Every event must have exactly one digest, of SHA-384: the only one a runtime register takes. */
static const guint8 *read_digest(Reader *reader, const AlgorithmTable *table) {
  guint32 count = reader_u32le(reader);
  guint16 id = reader_u16le(reader);
  gsize size = digest_size(table, id);
  if (count != 1 || id != ALGORITHM_SHA384 || size != TDX_MR_SIZE)
    reader_fail(reader);
  return reader_take(reader, size);
}

static gboolean read_event(Reader *reader, guint32 lane, const AlgorithmTable *table, TdxEventLog *log,
                           GError **error) {
  guint32 type = reader_u32le(reader);
  const guint8 *digest = read_digest(reader, table);
  guint32 size = reader_u32le(reader);
  const guint8 *data = reader_take(reader, size);
  if (!reader_ok(reader))
    return invalid(error, "event is truncated or does not have one sha384 digest");
  if (lane == 0 || type == EV_NO_ACTION)
    return TRUE;
  g_autoptr(GBytes) payload = g_bytes_new(data, size);
  return tdx_event_log_append(log, tdx_event_new(lane - 1, type, digest, "", payload), error);
}

TdxEventLog *tdx_ccel_parse(const void *data, gsize len, GError **error) {
  if (len > CCEL_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "ccel: larger than %d bytes", CCEL_MAX_SIZE);
    return NULL;
  }
  Reader reader = reader_init(data, len);
  AlgorithmTable table = {0};
  if (!read_header(&reader, &table, error))
    return NULL;
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  while (reader_remaining(&reader) > 0) {
    guint32 lane = reader_u32le(&reader);
    if (reader_ok(&reader) && lane == END_OF_LOG)
      break;
    if (!read_event(&reader, lane, &table, log, error)) {
      g_prefix_error(error, "boot log, event %u: ", log->len);
      return NULL;
    }
  }
  return g_steal_pointer(&log);
}

static void put(GByteArray *out, const void *data, gsize len) { g_byte_array_append(out, data, (guint)len); }
static void put_u16(GByteArray *out, guint16 value) { put(out, (guint16[]){GUINT16_TO_LE(value)}, 2); }
static void put_u32(GByteArray *out, guint32 value) { put(out, (guint32[]){GUINT32_TO_LE(value)}, 4); }

static void put_header(GByteArray *out) {
  static const guint8 no_digest[20];
  put_u32(out, 1); /* as firmware writes it */
  put_u32(out, EV_NO_ACTION);
  put(out, no_digest, sizeof no_digest);
  put_u32(out, sizeof SPEC_ID_SIGNATURE + 4 + 4 + 4 + 4 + 1);
  put(out, SPEC_ID_SIGNATURE, sizeof SPEC_ID_SIGNATURE);
  put_u32(out, 0);                           /* platform class */
  put(out, (const guint8[]){0, 2, 0, 2}, 4); /* minor, major, errata, size of uintn */
  put_u32(out, 1);
  put_u16(out, ALGORITHM_SHA384);
  put_u16(out, TDX_MR_SIZE);
  put(out, "", 1); /* no vendor info */
}

static void put_event(GByteArray *out, const TdxEvent *event) {
  gsize len;
  const void *payload = g_bytes_get_data(event->payload, &len);
  put_u32(out, event->imr + 1);
  put_u32(out, event->type);
  put_u32(out, 1);
  put_u16(out, ALGORITHM_SHA384);
  put(out, event->digest, sizeof event->digest);
  put_u32(out, (guint32)len);
  if (len > 0)
    put(out, payload, len);
}

GBytes *tdx_ccel_build(TdxEventLog *log, gsize size, GError **error) {
  g_autoptr(GByteArray) out = g_byte_array_new();
  put_header(out);
  for (guint i = 0; i < log->len; i++)
    put_event(out, g_ptr_array_index(log, i));
  if (out->len + sizeof(guint32) > size) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "ccel: %u bytes of events do not fit into %zu", out->len,
                size);
    return NULL;
  }
  gsize used = out->len;
  g_byte_array_set_size(out, (guint)size);
  memset(out->data + used, 0xff, size - used);
  return g_byte_array_free_to_bytes(g_steal_pointer(&out));
}
