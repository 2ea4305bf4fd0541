#include "rtmr_debug.h"

#include "base/hex.h"

#include <string.h>

#define N_IMAGE_RTMRS 3

static GPtrArray *events_of(const TdxEventLog *log, guint imr) {
  GPtrArray *events = g_ptr_array_new();
  for (guint i = 0; i < log->len; i++) {
    TdxEvent *event = log->pdata[i];
    if (event->imr == imr)
      g_ptr_array_add(events, event);
  }
  return events;
}

static void set_hex(json_t *object, const char *key, const guint8 value[48]) {
  g_autofree char *hex = hex_encode(value, 48);
  json_object_set_new(object, key, json_string(hex));
}

static json_t *compare_event(guint index, const TdxEvent *actual, const TdxEvent *expected) {
  json_t *entry = json_object();
  const char *status = "extra";
  if (expected)
    status = memcmp(actual->digest, expected->digest, sizeof actual->digest) == 0 ? "match" : "mismatch";
  json_object_set_new(entry, "index", json_integer(index));
  json_object_set_new(entry, "event_type", json_integer(actual->type));
  json_object_set_new(entry, "event_name", json_string(*actual->name ? actual->name : "(unnamed)"));
  set_hex(entry, "actual_digest", actual->digest);
  if (expected)
    set_hex(entry, "expected_digest", expected->digest);
  json_object_set_new(entry, "payload_len", json_integer((json_int_t)g_bytes_get_size(actual->payload)));
  json_object_set_new(entry, "status", json_string(status));
  return entry;
}

static json_t *compare_register(guint index, const guint8 expected[48], const guint8 actual[48],
                                const GPtrArray *expected_events, const GPtrArray *actual_events) {
  json_t *entry = json_object(), *events = json_array(), *missing = json_array();
  g_autofree char *name = g_strdup_printf("RTMR%u", index);
  json_object_set_new(entry, "rtmr", json_string(name));
  set_hex(entry, "expected", expected);
  set_hex(entry, "actual", actual);
  for (guint i = 0; i < actual_events->len; i++)
    json_array_append_new(
        events, compare_event(i, actual_events->pdata[i], i < expected_events->len ? expected_events->pdata[i] : NULL));
  for (guint i = actual_events->len; i < expected_events->len; i++) {
    g_autofree char *hex = hex_encode(((TdxEvent *)expected_events->pdata[i])->digest, 48);
    json_array_append_new(missing, json_string(hex));
  }
  json_object_set_new(entry, "events", events);
  if (json_array_size(missing) > 0)
    json_object_set(entry, "missing_expected_digests", missing);
  json_decref(missing);
  return entry;
}

json_t *rtmr_debug(const ImageExpectation *os, const VerifiedEvidence *evidence) {
  json_t *registers = json_array();
  for (guint i = 0; i < N_IMAGE_RTMRS; i++) {
    const guint8 *expected = os->measurements.rtmr[i], *actual = evidence->quote->td.rtmr[i];
    if (memcmp(expected, actual, TDX_MR_SIZE) == 0)
      continue;
    g_autoptr(GPtrArray) expected_events = events_of(os->measurements.boot_log, i);
    g_autoptr(GPtrArray) actual_events = events_of(evidence->log, i);
    json_array_append_new(registers, compare_register(i, expected, actual, expected_events, actual_events));
  }
  return registers;
}
