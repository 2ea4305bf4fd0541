#include "bytes.h"
#include "canonical.h"
#include "fail.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define RUNTIME_EVENT_TYPE 0x08000001

typedef struct {
  json_int_t event_type, version;
  const char *digest, *name, *payload, *preimage;
} LogEvent;

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text ? text : "";
}

/* FALSE when a member is of another type. */
static bool read_event(const json_t *json, LogEvent *out) {
  static const char *const texts[] = {"digest", "event", "event_payload", "preimage"};
  const json_t *type = json_object_get(json, "event_type"), *version = json_object_get(json, "version");
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    const json_t *text = json_object_get(json, texts[i]);
    if (text && (!json_is_string(text) || strlen(json_string_value(text)) != json_string_length(text)))
      return false;
  }
  if (!json_is_integer(type) || json_integer_value(type) < 0 || json_integer_value(type) > UINT32_MAX ||
      (version && !json_is_integer(version)))
    return false;
  *out = (LogEvent){json_integer_value(type),       version ? json_integer_value(version) : 1,
                    text_of(json, "digest"),        text_of(json, "event"),
                    text_of(json, "event_payload"), text_of(json, "preimage")};
  return true;
}

/* event type, little-endian || ":" || name || ":" || payload */
static dstack_status first_preimage(const LogEvent *event, const dstack_bytes *payload, dstack_bytes *out,
                                    dstack_error *error) {
  size_t name_size = strlen(event->name);
  out->size = 4 + 1 + name_size + 1 + payload->size;
  out->data = malloc(out->size);
  if (!out->data)
    return fail_memory(error);
  uint8_t *at = out->data;
  for (unsigned i = 0; i < 4; i++)
    *at++ = (uint8_t)(event->event_type >> (8 * i));
  *at++ = ':';
  memcpy(at, event->name, name_size);
  at += name_size;
  *at++ = ':';
  if (payload->size)
    memcpy(at, payload->data, payload->size);
  return DSTACK_OK;
}

static dstack_status second_preimage(const LogEvent *event, const dstack_bytes *payload, dstack_bytes *out,
                                     dstack_error *error) {
  char *hex = hex_encode(payload->data, payload->size), *text = NULL;
  json_t *value =
      hex ? json_pack("{s:s, s:s, s:I}", "name", event->name, "payload", hex, "type", event->event_type) : NULL;
  dstack_status status = value ? canonical_print(value, &text, error) : fail_memory(error);
  if (status == DSTACK_OK)
    *out = (dstack_bytes){(uint8_t *)text, strlen(text)};
  json_decref(value);
  free(hex);
  return status;
}

static dstack_status make_preimage(const LogEvent *event, dstack_bytes *out, dstack_error *error) {
  dstack_bytes payload;
  dstack_status status = hex_decode(event->payload, "event_payload", &payload, error);
  if (status == DSTACK_OK && event->version == 1)
    status = first_preimage(event, &payload, out, error);
  else if (status == DSTACK_OK && event->version == 2)
    status = second_preimage(event, &payload, out, error);
  else if (status == DSTACK_OK)
    status = fail(error, DSTACK_INVALID, "unknown event version %" JSON_INTEGER_FORMAT, event->version);
  dstack_bytes_clear(&payload);
  return status;
}

/* Hex that, unless it is empty, must be the bytes computed. */
static dstack_status check_given(const char *hex, const char *what, const void *computed, size_t size,
                                 dstack_error *error) {
  dstack_bytes given;
  dstack_status status = hex_decode(hex, what, &given, error);
  if (status == DSTACK_OK && given.size && (given.size != size || memcmp(given.data, computed, size) != 0))
    status = fail(error, DSTACK_UNVERIFIED, "%s is not that of the event's name and payload", what);
  dstack_bytes_clear(&given);
  return status;
}

static dstack_status sha384(const dstack_bytes *data, uint8_t out[DSTACK_RTMR_SIZE], dstack_error *error) {
  return EVP_Digest(data->data, data->size, out, NULL, EVP_sha384(), NULL) ? DSTACK_OK : fail_memory(error);
}

/* Of dstack's own events the digest is computed, whether it is given or not. */
static dstack_status runtime_digest(const LogEvent *event, dstack_bytes *digest, dstack_error *error) {
  dstack_bytes preimage = {0};
  dstack_status status = make_preimage(event, &preimage, error);
  if (status == DSTACK_OK)
    status = check_given(event->preimage, "preimage", preimage.data, preimage.size, error);
  if (status == DSTACK_OK && !(digest->data = malloc(DSTACK_RTMR_SIZE)))
    status = fail_memory(error);
  if (status == DSTACK_OK) {
    digest->size = DSTACK_RTMR_SIZE;
    status = sha384(&preimage, digest->data, error);
  }
  if (status == DSTACK_OK)
    status = check_given(event->digest, "digest", digest->data, digest->size, error);
  dstack_bytes_clear(&preimage);
  return status;
}

/* register = SHA-384(register || digest), the digest padded with zeros to the register's size. */
static dstack_status extend(uint8_t register_[DSTACK_RTMR_SIZE], const dstack_bytes *digest, dstack_error *error) {
  size_t padded = digest->size < DSTACK_RTMR_SIZE ? DSTACK_RTMR_SIZE : digest->size;
  dstack_bytes data = {calloc(1, DSTACK_RTMR_SIZE + padded), DSTACK_RTMR_SIZE + padded};
  if (!data.data)
    return fail_memory(error);
  memcpy(data.data, register_, DSTACK_RTMR_SIZE);
  if (digest->size)
    memcpy(data.data + DSTACK_RTMR_SIZE, digest->data, digest->size);
  dstack_status status = sha384(&data, register_, error);
  dstack_bytes_clear(&data);
  return status;
}

static dstack_status replay_event(const json_t *json, uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE],
                                  dstack_error *error) {
  const json_t *index = json_object_get(json, "imr");
  LogEvent event;
  if (!json_is_integer(index) || !read_event(json, &event))
    return fail(error, DSTACK_INVALID, "a member is missing or of another type");
  if (json_integer_value(index) < 0 || json_integer_value(index) >= DSTACK_RTMR_COUNT)
    return DSTACK_OK;
  dstack_bytes digest = {0};
  dstack_status status = event.event_type == RUNTIME_EVENT_TYPE ? runtime_digest(&event, &digest, error)
                                                                : hex_decode(event.digest, "digest", &digest, error);
  if (status == DSTACK_OK)
    status = extend(registers[json_integer_value(index)], &digest, error);
  dstack_bytes_clear(&digest);
  return status == DSTACK_MALFORMED ? fail(error, DSTACK_INVALID, "a member is not hex") : status;
}

dstack_status dstack_replay_rtmrs(const char *event_log, uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE],
                                  dstack_error *error) {
  json_error_t parse_error;
  json_t *log = json_loads(event_log, JSON_ALLOW_NUL, &parse_error);
  uint8_t result[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE] = {0};
  dstack_error why = {0};
  size_t i = 0;
  dstack_status status = DSTACK_OK;
  if (!json_is_array(log))
    status = fail(error, DSTACK_INVALID, "the event log is no JSON list: %s", log ? "another type" : parse_error.text);
  for (size_t count = json_array_size(log); status == DSTACK_OK && i < count; i++) {
    status = replay_event(json_array_get(log, i), result, &why);
    if (status != DSTACK_OK)
      fail(error, status, "event %zu of the log: %.400s", i, why.message);
  }
  if (status == DSTACK_OK)
    memcpy(registers, result, sizeof result);
  json_decref(log);
  return status;
}
