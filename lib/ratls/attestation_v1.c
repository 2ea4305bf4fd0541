/* Version 1 of attestations: MessagePack maps. */
#include "ratls/attestation_internal.h"

#include "ratls/msgpack.h"

#include <string.h>

#define VERSION 1

/* The name of each variant's evidence, and of the field that holds it. */
static const struct {
  const char *kind, *field;
} platforms[] = {
    [ATTESTATION_TDX] = {"tdx", "quote"},
    [ATTESTATION_GCP_TDX] = {"gcp-tdx", "quote"},
    [ATTESTATION_NITRO_ENCLAVE] = {"nitro-enclave", "nsm_quote"},
    [ATTESTATION_SEV_SNP] = {"sev-snp", "report"},
    [ATTESTATION_AWS_NITRO_TPM] = {"aws-nitro-tpm", "attestation_doc"},
};
#define STACK_DSTACK "dstack"
#define STACK_POD "dstack-pod"

/* A cursor that failed fails the one it came from. */
static void join(Reader *reader, const Reader *part) {
  if (!reader_ok(part) || reader_remaining(part) > 0)
    reader_fail(reader);
}

static char *read_text(Reader *reader, Reader *field) {
  char *text = msgpack_read_string(field);
  join(reader, field);
  return text;
}

static GBytes *read_bytes(Reader *reader, Reader *field, gsize max) {
  GBytes *bytes = msgpack_read_bytes(field, max);
  join(reader, field);
  return bytes;
}

static guint64 read_uint(Reader *reader, Reader *field, guint64 max) {
  const guint64 value = msgpack_read_uint(field, max);
  join(reader, field);
  return value;
}

/* The version of an event, which is not written when it is 1. */
static guint read_event_version(Reader *reader, Reader *field) {
  const guint version = msgpack_has_field(field) ? (guint)read_uint(reader, field, 2) : 1;
  if (version == 0)
    reader_fail(reader);
  return version;
}

static AttestationEvent *read_event(Reader *reader) {
  enum { IMR, TYPE, DIGEST, EVENT, PAYLOAD, VERSION_FIELD, PREIMAGE, N_FIELDS };
  static const char *const keys[N_FIELDS] = {"imr",           "event_type", "digest",  "event",
                                             "event_payload", "version",    "preimage"};
  Reader fields[N_FIELDS];
  msgpack_read_fields(reader, keys, N_FIELDS, fields);
  AttestationEvent *event = attestation_event_alloc();
  event->imr = (guint32)read_uint(reader, &fields[IMR], G_MAXUINT32);
  event->type = (guint32)read_uint(reader, &fields[TYPE], G_MAXUINT32);
  event->digest =
      msgpack_has_field(&fields[DIGEST]) ? read_bytes(reader, &fields[DIGEST], TDX_MR_SIZE) : g_bytes_new(NULL, 0);
  event->name = read_text(reader, &fields[EVENT]);
  event->payload = read_bytes(reader, &fields[PAYLOAD], ATTESTATION_MAX_PAYLOAD);
  event->version = read_event_version(reader, &fields[VERSION_FIELD]);
  if (msgpack_has_field(&fields[PREIMAGE]) && !msgpack_read_nil(&fields[PREIMAGE]))
    event->preimage = read_text(reader, &fields[PREIMAGE]);
  return event;
}

static AttestationEvent *read_runtime_event(Reader *reader) {
  enum { EVENT, PAYLOAD, VERSION_FIELD, N_FIELDS };
  static const char *const keys[N_FIELDS] = {"event", "payload", "version"};
  Reader fields[N_FIELDS];
  msgpack_read_fields(reader, keys, N_FIELDS, fields);
  AttestationEvent *event = attestation_event_alloc();
  event->imr = TDX_RUNTIME_RTMR;
  event->type = TDX_RUNTIME_EVENT_TYPE;
  event->digest = g_bytes_new(NULL, 0);
  event->name = read_text(reader, &fields[EVENT]);
  event->payload = read_bytes(reader, &fields[PAYLOAD], ATTESTATION_MAX_PAYLOAD);
  event->version = read_event_version(reader, &fields[VERSION_FIELD]);
  return event;
}

static void read_events(Reader *reader, Reader *field, AttestationEvent *(*read)(Reader *reader), GPtrArray *events) {
  const gsize count = msgpack_read_array(field, ATTESTATION_MAX_EVENTS);
  for (gsize i = 0; i < count && reader_ok(field); i++)
    g_ptr_array_add(events, read(field));
  join(reader, field);
}

static void read_cert_chain(Reader *reader, Reader *field, GPtrArray *chain) {
  const gsize count = msgpack_read_array(field, ATTESTATION_MAX_CERTIFICATES);
  for (gsize i = 0; i < count && reader_ok(field); i++) {
    GBytes *certificate = msgpack_read_bytes(field, ATTESTATION_MAX_SIZE);
    if (certificate)
      g_ptr_array_add(chain, certificate);
  }
  join(reader, field);
}

/* A map of "kind" and "data": the cursor of the data, and the kind. */
static char *read_tagged(Reader *reader, Reader *field, Reader *data) {
  static const char *const keys[] = {"kind", "data"};
  Reader fields[G_N_ELEMENTS(keys)];
  msgpack_read_fields(field, keys, G_N_ELEMENTS(keys), fields);
  join(reader, field);
  *data = fields[1];
  return read_text(reader, &fields[0]);
}

static gboolean find_variant(const char *kind, AttestationVariant *out) {
  for (guint i = 0; kind && i < G_N_ELEMENTS(platforms); i++)
    if (strcmp(platforms[i].kind, kind) == 0) {
      *out = i;
      return TRUE;
    }
  return FALSE;
}

static void read_platform(Reader *reader, Reader *field, RatlsAttestation *out) {
  enum { EVIDENCE, EVENT_LOG, CERT_CHAIN, MR_CONFIG, N_FIELDS };
  Reader data, fields[N_FIELDS];
  g_autofree char *kind = read_tagged(reader, field, &data);
  if (!find_variant(kind, &out->variant) || out->variant == ATTESTATION_GCP_TDX) {
    reader_fail(reader);
    return;
  }
  const char *const keys[N_FIELDS] = {platforms[out->variant].field, "event_log", "cert_chain", "mr_config"};
  msgpack_read_fields(&data, keys, N_FIELDS, fields);
  join(reader, &data);
  out->evidence = read_bytes(reader, &fields[EVIDENCE], ATTESTATION_MAX_SIZE);
  if (out->variant == ATTESTATION_TDX)
    read_events(reader, &fields[EVENT_LOG], read_event, out->events);
  if (out->variant != ATTESTATION_SEV_SNP)
    return;
  read_cert_chain(reader, &fields[CERT_CHAIN], out->cert_chain);
  out->mr_config = read_text(reader, &fields[MR_CONFIG]);
}

static void read_report_data(Reader *reader, Reader *field, guint8 out[64]) {
  g_autoptr(GBytes) bytes = read_bytes(reader, field, 64);
  if (bytes && g_bytes_get_size(bytes) == 64)
    memcpy(out, g_bytes_get_data(bytes, NULL), 64);
  else
    reader_fail(reader);
}

static void read_stack(Reader *reader, Reader *field, RatlsAttestation *out) {
  enum { REPORT_DATA, RUNTIME_EVENTS, CONFIG, PAYLOAD, N_FIELDS };
  static const char *const keys[N_FIELDS] = {"report_data", "runtime_events", "config", "report_data_payload"};
  Reader data, fields[N_FIELDS];
  g_autofree char *kind = read_tagged(reader, field, &data);
  msgpack_read_fields(&data, keys, N_FIELDS, fields);
  join(reader, &data);
  read_report_data(reader, &fields[REPORT_DATA], out->report_data);
  read_events(reader, &fields[RUNTIME_EVENTS], read_runtime_event, out->runtime_events);
  out->config = read_text(reader, &fields[CONFIG]);
  if (kind && strcmp(kind, STACK_POD) == 0)
    out->report_data_payload = read_text(reader, &fields[PAYLOAD]);
  else if (!kind || strcmp(kind, STACK_DSTACK) != 0)
    reader_fail(reader);
}

void attestation_read_v1(Reader *reader, RatlsAttestation *out) {
  enum { VERSION_FIELD, PLATFORM, STACK, N_FIELDS };
  static const char *const keys[N_FIELDS] = {"version", "platform", "stack"};
  Reader fields[N_FIELDS];
  msgpack_read_fields(reader, keys, N_FIELDS, fields);
  if (read_uint(reader, &fields[VERSION_FIELD], VERSION) != VERSION)
    reader_fail(reader);
  read_platform(reader, &fields[PLATFORM], out);
  read_stack(reader, &fields[STACK], out);
}

static void write_byte_array(GByteArray *out, GBytes *bytes) {
  gsize len;
  const guint8 *data = g_bytes_get_data(bytes, &len);
  msgpack_write_byte_array(out, data, len);
}

static void write_event(GByteArray *out, const AttestationEvent *event) {
  msgpack_write_map(out, 5 + (event->version == 2) + (event->preimage != NULL));
  msgpack_write_string(out, "imr");
  msgpack_write_uint(out, event->imr);
  msgpack_write_string(out, "event_type");
  msgpack_write_uint(out, event->type);
  msgpack_write_string(out, "digest");
  msgpack_write_bin(out, event->digest);
  msgpack_write_string(out, "event");
  msgpack_write_string(out, event->name);
  msgpack_write_string(out, "event_payload");
  msgpack_write_bin(out, event->payload);
  if (event->version == 2) {
    msgpack_write_string(out, "version");
    msgpack_write_uint(out, event->version);
  }
  if (event->preimage) {
    msgpack_write_string(out, "preimage");
    msgpack_write_string(out, event->preimage);
  }
}

static void write_runtime_event(GByteArray *out, const AttestationEvent *event) {
  msgpack_write_map(out, 2 + (event->version == 2));
  msgpack_write_string(out, "event");
  msgpack_write_string(out, event->name);
  msgpack_write_string(out, "payload");
  msgpack_write_bin(out, event->payload);
  if (event->version == 2) {
    msgpack_write_string(out, "version");
    msgpack_write_uint(out, event->version);
  }
}

static void write_events(GByteArray *out, const char *key, GPtrArray *events,
                         void (*write)(GByteArray *out, const AttestationEvent *event)) {
  msgpack_write_string(out, key);
  msgpack_write_array(out, events->len);
  for (guint i = 0; i < events->len; i++)
    write(out, g_ptr_array_index(events, i));
}

static void write_tag(GByteArray *out, const char *key, const char *kind) {
  msgpack_write_string(out, key);
  msgpack_write_map(out, 2);
  msgpack_write_string(out, "kind");
  msgpack_write_string(out, kind);
  msgpack_write_string(out, "data");
}

static void write_platform(GByteArray *out, const RatlsAttestation *attestation) {
  const AttestationVariant variant = attestation->variant;
  write_tag(out, "platform", platforms[variant].kind);
  msgpack_write_map(out, variant == ATTESTATION_TDX ? 2 : variant == ATTESTATION_SEV_SNP ? 3 : 1);
  msgpack_write_string(out, platforms[variant].field);
  write_byte_array(out, attestation->evidence);
  if (variant == ATTESTATION_TDX)
    write_events(out, "event_log", attestation->events, write_event);
  if (variant != ATTESTATION_SEV_SNP)
    return;
  msgpack_write_string(out, "cert_chain");
  msgpack_write_array(out, attestation->cert_chain->len);
  for (guint i = 0; i < attestation->cert_chain->len; i++)
    write_byte_array(out, g_ptr_array_index(attestation->cert_chain, i));
  msgpack_write_string(out, "mr_config");
  msgpack_write_string(out, attestation->mr_config);
}

static void write_stack(GByteArray *out, const RatlsAttestation *attestation) {
  const char *payload = attestation->report_data_payload;
  write_tag(out, "stack", payload ? STACK_POD : STACK_DSTACK);
  msgpack_write_map(out, payload ? 4 : 3);
  msgpack_write_string(out, "report_data");
  msgpack_write_byte_array(out, attestation->report_data, sizeof attestation->report_data);
  write_events(out, "runtime_events", attestation->runtime_events, write_runtime_event);
  msgpack_write_string(out, "config");
  msgpack_write_string(out, attestation->config);
  if (!payload)
    return;
  msgpack_write_string(out, "report_data_payload");
  msgpack_write_string(out, payload);
}

GBytes *ratls_attestation_encode_v1(const RatlsAttestation *attestation) {
  GByteArray *out = g_byte_array_new();
  msgpack_write_map(out, 3);
  msgpack_write_string(out, "version");
  msgpack_write_uint(out, VERSION);
  write_platform(out, attestation);
  write_stack(out, attestation);
  return g_byte_array_free_to_bytes(out);
}
