/* Version 0 of attestations: SCALE. The first byte says so, as the variant of an enumeration of versions. */
#include "ratls/attestation_internal.h"

#include "ratls/scale.h"

#define VERSION_BYTE 0

static GBytes *read_bounded(Reader *reader, gsize max) {
  GBytes *bytes = scale_read_bytes(reader);
  if (bytes && g_bytes_get_size(bytes) > max)
    reader_fail(reader);
  return bytes;
}

static gsize read_count(Reader *reader, gsize max) {
  const gsize count = scale_read_length(reader);
  if (count > max)
    reader_fail(reader);
  return reader_ok(reader) ? count : 0;
}

static void read_events(Reader *reader, GPtrArray *events) {
  const gsize count = read_count(reader, ATTESTATION_MAX_EVENTS);
  for (gsize i = 0; i < count && reader_ok(reader); i++) {
    AttestationEvent *event = attestation_event_alloc();
    g_ptr_array_add(events, event);
    event->imr = reader_u32le(reader);
    event->type = reader_u32le(reader);
    event->digest = read_bounded(reader, TDX_MR_SIZE);
    event->name = scale_read_string(reader);
    event->payload = read_bounded(reader, ATTESTATION_MAX_PAYLOAD);
  }
}

static void read_runtime_events(Reader *reader, GPtrArray *events) {
  const gsize count = read_count(reader, ATTESTATION_MAX_EVENTS);
  for (gsize i = 0; i < count && reader_ok(reader); i++) {
    AttestationEvent *event = attestation_event_alloc();
    g_ptr_array_add(events, event);
    event->imr = TDX_RUNTIME_RTMR;
    event->type = TDX_RUNTIME_EVENT_TYPE;
    event->digest = g_bytes_new(NULL, 0);
    event->name = scale_read_string(reader);
    event->payload = read_bounded(reader, ATTESTATION_MAX_PAYLOAD);
  }
}

static void read_snp(Reader *reader, RatlsAttestation *out) {
  out->evidence = scale_read_bytes(reader);
  const gsize count = read_count(reader, ATTESTATION_MAX_CERTIFICATES);
  for (gsize i = 0; i < count && reader_ok(reader); i++) {
    GBytes *certificate = scale_read_bytes(reader);
    if (certificate)
      g_ptr_array_add(out->cert_chain, certificate);
  }
  out->mr_config = scale_read_string(reader);
}

static void read_platform(Reader *reader, RatlsAttestation *out) {
  out->variant = reader_u8(reader);
  switch (out->variant) {
  case ATTESTATION_TDX:
    out->evidence = scale_read_bytes(reader);
    read_events(reader, out->events);
    break;
  case ATTESTATION_NITRO_ENCLAVE:
  case ATTESTATION_AWS_NITRO_TPM:
    out->evidence = scale_read_bytes(reader);
    break;
  case ATTESTATION_SEV_SNP:
    read_snp(reader, out);
    break;
  case ATTESTATION_GCP_TDX:
  default:
    reader_fail(reader);
  }
}

void attestation_read_v0(Reader *reader, RatlsAttestation *out) {
  if (reader_u8(reader) != VERSION_BYTE)
    reader_fail(reader);
  read_platform(reader, out);
  read_runtime_events(reader, out->runtime_events);
  reader_copy(reader, out->report_data, sizeof out->report_data);
  out->config = scale_read_string(reader);
}

static void write_u8(GByteArray *out, guint8 value) { g_byte_array_append(out, &value, 1); }

static void write_u32(GByteArray *out, guint32 value) {
  const guint32 coded = GUINT32_TO_LE(value);
  g_byte_array_append(out, (const guint8 *)&coded, sizeof coded);
}

static void write_bytes(GByteArray *out, GBytes *bytes) {
  gsize len;
  const void *data = g_bytes_get_data(bytes, &len);
  scale_write_bytes(out, data, len);
}

static void write_events(GByteArray *out, GPtrArray *events) {
  scale_write_length(out, events->len);
  for (guint i = 0; i < events->len; i++) {
    const AttestationEvent *event = g_ptr_array_index(events, i);
    write_u32(out, event->imr);
    write_u32(out, event->type);
    write_bytes(out, event->digest);
    scale_write_string(out, event->name);
    write_bytes(out, event->payload);
  }
}

static void write_runtime_events(GByteArray *out, GPtrArray *events) {
  scale_write_length(out, events->len);
  for (guint i = 0; i < events->len; i++) {
    const AttestationEvent *event = g_ptr_array_index(events, i);
    scale_write_string(out, event->name);
    write_bytes(out, event->payload);
  }
}

static void write_platform(GByteArray *out, const RatlsAttestation *attestation) {
  write_u8(out, (guint8)attestation->variant);
  write_bytes(out, attestation->evidence);
  if (attestation->variant == ATTESTATION_TDX)
    write_events(out, attestation->events);
  if (attestation->variant != ATTESTATION_SEV_SNP)
    return;
  scale_write_length(out, attestation->cert_chain->len);
  for (guint i = 0; i < attestation->cert_chain->len; i++)
    write_bytes(out, g_ptr_array_index(attestation->cert_chain, i));
  scale_write_string(out, attestation->mr_config);
}

GBytes *attestation_write_v0(const RatlsAttestation *attestation) {
  GByteArray *out = g_byte_array_new();
  write_u8(out, VERSION_BYTE);
  write_platform(out, attestation);
  write_runtime_events(out, attestation->runtime_events);
  g_byte_array_append(out, attestation->report_data, sizeof attestation->report_data);
  scale_write_string(out, attestation->config);
  return g_byte_array_free_to_bytes(out);
}
