#include "ratls/attestation.h"

#include "base/error.h"
#include "base/hex.h"
#include "ratls/attestation_internal.h"
#include "tdx/report_data.h"

#include <string.h>

#define FIRST_BYTE_V0 0x00
#define ACPI_EVENT_TYPE 10
#define ACPI_EVENT_PAYLOAD "ACPI DATA"

static const char *const variant_names[] = {
    [ATTESTATION_TDX] = "dstack-tdx",
    [ATTESTATION_GCP_TDX] = "dstack-gcp-tdx",
    [ATTESTATION_NITRO_ENCLAVE] = "dstack-nitro-enclave",
    [ATTESTATION_SEV_SNP] = "dstack-amd-sev-snp",
    [ATTESTATION_AWS_NITRO_TPM] = "dstack-aws-nitro-tpm",
};

const char *ratls_attestation_variant_name(AttestationVariant variant) { return variant_names[variant]; }

AttestationEvent *attestation_event_alloc(void) {
  AttestationEvent *event = g_new0(AttestationEvent, 1);
  event->version = 1;
  return event;
}

void attestation_event_free(AttestationEvent *event) {
  if (!event)
    return;
  g_clear_pointer(&event->digest, g_bytes_unref);
  g_clear_pointer(&event->payload, g_bytes_unref);
  g_free(event->name);
  g_free(event->preimage);
  g_free(event);
}

static RatlsAttestation *attestation_alloc(void) {
  RatlsAttestation *attestation = g_new0(RatlsAttestation, 1);
  attestation->events = g_ptr_array_new_with_free_func((GDestroyNotify)attestation_event_free);
  attestation->runtime_events = g_ptr_array_new_with_free_func((GDestroyNotify)attestation_event_free);
  attestation->cert_chain = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
  return attestation;
}

void ratls_attestation_free(RatlsAttestation *attestation) {
  if (!attestation)
    return;
  g_clear_pointer(&attestation->evidence, g_bytes_unref);
  g_ptr_array_unref(attestation->events);
  g_ptr_array_unref(attestation->runtime_events);
  g_ptr_array_unref(attestation->cert_chain);
  g_free(attestation->mr_config);
  g_free(attestation->config);
  g_free(attestation->report_data_payload);
  g_free(attestation);
}

static gboolean is_acpi_data(guint32 imr, guint32 type, GBytes *payload) {
  gsize len;
  const void *data = g_bytes_get_data(payload, &len);
  return imr == 0 && type == ACPI_EVENT_TYPE && len == strlen(ACPI_EVENT_PAYLOAD) &&
         memcmp(data, ACPI_EVENT_PAYLOAD, len) == 0;
}

/* A digest rule that the reader may not know is said twice: by the digest and by what was hashed. */
static void say_preimage(const TdxEvent *event, AttestationEvent *out) {
  g_autoptr(GBytes) preimage = tdx_runtime_preimage_v2(event->name, event->payload);
  out->preimage = hex_encode_bytes(preimage);
}

static AttestationEvent *copy_event(const TdxEvent *event) {
  AttestationEvent *copy = attestation_event_alloc();
  copy->imr = event->imr;
  copy->type = event->type;
  copy->digest = g_bytes_new(event->digest, sizeof event->digest);
  copy->name = g_strdup(event->name);
  copy->payload = g_bytes_ref(event->payload);
  copy->version = event->version;
  if (event->version == 2)
    say_preimage(event, copy);
  return copy;
}

static AttestationEvent *copy_runtime_event(const TdxEvent *event) {
  AttestationEvent *copy = attestation_event_alloc();
  copy->imr = event->imr;
  copy->type = event->type;
  copy->digest = g_bytes_new(NULL, 0);
  copy->name = g_strdup(event->name);
  copy->payload = g_bytes_ref(event->payload);
  copy->version = event->version;
  return copy;
}

/* The firmware measures three tables under one description; verifiers look for them by these names, in this order. */
static void label_acpi_events(GPtrArray *events) {
  static const char *const labels[] = {"acpi-loader", "acpi-rsdp", "acpi-tables"};
  guint next = 0;
  for (guint i = 0; i < events->len && next < G_N_ELEMENTS(labels); i++) {
    AttestationEvent *event = g_ptr_array_index(events, i);
    if (!is_acpi_data(event->imr, event->type, event->payload))
      continue;
    g_free(event->name);
    event->name = g_strdup(labels[next++]);
  }
}

RatlsAttestation *ratls_attestation_new(GBytes *quote, TdxEventLog *log, const guint8 report_data[64],
                                        const char *config) {
  RatlsAttestation *attestation = attestation_alloc();
  attestation->variant = ATTESTATION_TDX;
  attestation->evidence = g_bytes_ref(quote);
  attestation->mr_config = g_strdup("");
  attestation->config = g_strdup(config ? config : "");
  memcpy(attestation->report_data, report_data, sizeof attestation->report_data);
  for (guint i = 0; i < log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(log, i);
    g_ptr_array_add(attestation->events, copy_event(event));
    if (event->imr == TDX_RUNTIME_RTMR)
      g_ptr_array_add(attestation->runtime_events, copy_runtime_event(event));
  }
  label_acpi_events(attestation->events);
  return attestation;
}

static gboolean check_payload(const RatlsAttestation *attestation, GError **error) {
  const char *payload = attestation->report_data_payload;
  guint8 expected[TDX_REPORT_DATA_SIZE];
  if (!payload)
    return TRUE;
  if (!report_data_compose(REPORT_DATA_APP_DATA, payload, strlen(payload), "", expected, error))
    return FALSE;
  if (memcmp(expected, attestation->report_data, sizeof expected) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "attestation: report data is not that of its payload");
  return FALSE;
}

static gboolean unsupported(AttestationVariant variant, GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_NOT_IMPLEMENTED, "unsupported tee variant: %s", variant_names[variant]);
  return FALSE;
}

static gboolean check_size(gsize size, GError **error) {
  if (size <= ATTESTATION_MAX_SIZE)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "attestation: over %d bytes", ATTESTATION_MAX_SIZE);
  return FALSE;
}

RatlsAttestation *ratls_attestation_decode(GBytes *encoded, GError **error) {
  if (!check_size(g_bytes_get_size(encoded), error))
    return NULL;
  g_autoptr(RatlsAttestation) attestation = attestation_alloc();
  Reader reader = reader_init_bytes(encoded), first = reader;
  if (reader_u8(&first) == FIRST_BYTE_V0)
    attestation_read_v0(&reader, attestation);
  else
    attestation_read_v1(&reader, attestation);
  if (!reader_ok(&reader) && attestation->variant == ATTESTATION_GCP_TDX) {
    unsupported(attestation->variant, error);
    return NULL;
  }
  if (!attestation->mr_config)
    attestation->mr_config = g_strdup("");
  if (!reader_finish(&reader, "attestation", error) || !check_payload(attestation, error))
    return NULL;
  return g_steal_pointer(&attestation);
}

static gboolean has_version_2(GPtrArray *events) {
  for (guint i = 0; i < events->len; i++)
    if (((AttestationEvent *)g_ptr_array_index(events, i))->version == 2)
      return TRUE;
  return FALSE;
}

GBytes *ratls_attestation_encode(const RatlsAttestation *attestation) {
  if (attestation->report_data_payload || has_version_2(attestation->events) ||
      has_version_2(attestation->runtime_events))
    return ratls_attestation_encode_v1(attestation);
  return attestation_write_v0(attestation);
}

void ratls_attestation_strip(RatlsAttestation *attestation) {
  for (guint i = attestation->events->len; i-- > 0;) {
    AttestationEvent *event = g_ptr_array_index(attestation->events, i);
    if (event->imr == TDX_RUNTIME_RTMR) {
      if (event->version != 1)
        continue;
      g_bytes_unref(event->digest);
      event->digest = g_bytes_new(NULL, 0);
    } else if (!is_acpi_data(event->imr, event->type, event->payload)) {
      g_ptr_array_remove_index(attestation->events, i);
    }
  }
}

GBytes *ratls_attestation_quote(const RatlsAttestation *attestation, GError **error) {
  if (attestation->variant != ATTESTATION_TDX) {
    unsupported(attestation->variant, error);
    return NULL;
  }
  return g_bytes_ref(attestation->evidence);
}

static gboolean add_event(TdxEventLog *log, const AttestationEvent *event, GError **error) {
  g_autoptr(GBytes) preimage = NULL;
  if (event->preimage && !(preimage = hex_decode(event->preimage, strlen(event->preimage), error)))
    return FALSE;
  static const guint8 unset[48];
  TdxEvent *judged = tdx_event_new(event->imr, event->type, unset, event->name, event->payload);
  judged->version = event->version;
  if (tdx_event_log_add(log, judged, event->digest, preimage, error))
    return TRUE;
  g_prefix_error(error, "attestation, event %u: ", log->len);
  return FALSE;
}

static gboolean same_event(const TdxEvent *a, const AttestationEvent *b) {
  return strcmp(a->name, b->name) == 0 && g_bytes_equal(a->payload, b->payload) && a->version == b->version;
}

/* The runtime events, when the log has none of its own; else they must say what the log says. */
static gboolean merge_runtime_events(TdxEventLog *log, guint first, GPtrArray *events, GError **error) {
  const guint logged = log->len - first;
  gboolean agree = logged == 0 || events->len == 0 || logged == events->len;
  for (guint i = 0; agree && i < events->len; i++) {
    if (logged > 0)
      agree = same_event(g_ptr_array_index(log, first + i), g_ptr_array_index(events, i));
    else if (!add_event(log, g_ptr_array_index(events, i), error))
      return FALSE;
  }
  if (!agree)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "attestation: event log and runtime events differ");
  return agree;
}

static gboolean add_events(TdxEventLog *log, GPtrArray *events, gboolean runtime, GError **error) {
  for (guint i = 0; i < events->len; i++) {
    const AttestationEvent *event = g_ptr_array_index(events, i);
    if ((event->imr == TDX_RUNTIME_RTMR) == runtime && !add_event(log, event, error))
      return FALSE;
  }
  return TRUE;
}

TdxEventLog *ratls_attestation_event_log(const RatlsAttestation *attestation, GError **error) {
  if (attestation->variant != ATTESTATION_TDX) {
    unsupported(attestation->variant, error);
    return NULL;
  }
  g_autoptr(TdxEventLog) log = tdx_event_log_new();
  if (!add_events(log, attestation->events, FALSE, error))
    return NULL;
  const guint first_runtime = log->len;
  if (!add_events(log, attestation->events, TRUE, error) ||
      !merge_runtime_events(log, first_runtime, attestation->runtime_events, error))
    return NULL;
  return g_steal_pointer(&log);
}
