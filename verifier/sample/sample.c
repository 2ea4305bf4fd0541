#include "verifier/sample/sample.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/digest.h"
#include "measure/measure.h"
#include "ratls/attestation.h"
#include "tdx/simulated.h"
#include "verifier/sample/image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FILE_MODE 0644
#define SEED_SIZE 32

static const char app_compose[] = "{\"manifest_version\":2,\"name\":\"sample\",\"runner\":\"docker-compose\","
                                  "\"docker_compose_file\":\"services: {}\"}";

void sample_free(Sample *sample) {
  if (!sample)
    return;
  char *texts[] = {sample->dir,       sample->root_path,  sample->collateral_path, sample->cache_dir,
                   sample->image_dir, sample->image_hash, sample->vm_config,       sample->event_log};
  for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
    g_free(texts[i]);
  g_clear_pointer(&sample->quote, g_bytes_unref);
  g_free(sample);
}

char *sample_vm_config(const Sample *sample, guint cpus, const char *image_hash) {
  return g_strdup_printf("{\"spec_version\":1,\"os_image_hash\":\"%s\",\"cpu_count\":%u,\"memory_size\":" SAMPLE_MEMORY
                         "}",
                         image_hash ? image_hash : sample->image_hash, cpus);
}

static gboolean write_file(const Sample *sample, const char *name, const void *data, gsize len, GError **error) {
  g_autofree char *path = g_build_filename(sample->dir, name, NULL);
  return file_write_atomic(path, data, len, FILE_MODE, error);
}

static gboolean write_text(const Sample *sample, const char *name, const char *text, GError **error) {
  return write_file(sample, name, text, strlen(text), error);
}

/* Under its hash, as in a verifier's cache. */
static gboolean make_image(Sample *sample, GError **error) {
  g_autofree char *images = g_build_filename(sample->cache_dir, "images", NULL);
  g_autofree char *making = g_build_filename(images, "making", NULL);
  guint8 hash[32];
  if (!file_make_dirs(images, 0755, error) || !sample_image_write(making, SAMPLE_IMAGE_VERSION, hash, error))
    return FALSE;
  sample->image_hash = hex_encode(hash, sizeof hash);
  sample->image_dir = g_build_filename(images, sample->image_hash, NULL);
  sample->vm_config = sample_vm_config(sample, SAMPLE_CPUS, NULL);
  if (!file_remove_tree(sample->image_dir, error))
    return FALSE;
  if (rename(making, sample->image_dir) == 0)
    return TRUE;
  dstack_set_errno(error, errno, "failed to create %s", sample->image_dir);
  return FALSE;
}

static gboolean measure(const Sample *sample, Measurements *out, GError **error) {
  MeasureVm vm;
  gboolean has_hash;
  g_autoptr(GBytes) storage = NULL;
  g_autoptr(OsImage) image = os_image_open(sample->image_dir, TRUE, error);
  return image && measure_vm_parse(sample->vm_config, &vm, NULL, &has_hash, &storage, error) &&
         measure_image(image, &vm, out, error);
}

/* What the guest's setup logs on the way up (spec: attestation C.6). */
static gboolean emit_boot_events(TdxPlatform *platform, GError **error) {
  guint8 compose_hash[SHA256_SIZE];
  digest_sha256(app_compose, strlen(app_compose), compose_hash);
  static const char provider[] = "{\"name\":\"none\",\"id\":\"\"}";
  const struct {
    const char *name;
    const void *payload;
    gsize len;
  } events[] = {{"system-preparing", "", 0},
                {"app-id", compose_hash, 20},
                {"compose-hash", compose_hash, sizeof compose_hash},
                {"instance-id", "a sample's instance!", 20},
                {"boot-mr-done", "", 0},
                {"key-provider", provider, strlen(provider)},
                {"system-ready", "", 0}};
  for (gsize i = 0; i < G_N_ELEMENTS(events); i++)
    if (!tdx_emit_event(platform, events[i].name, events[i].payload, events[i].len, error))
      return FALSE;
  return TRUE;
}

static gboolean boot(Sample *sample, SimulatedPki *pki, GError **error) {
  g_auto(Measurements) measurements = {0};
  g_autofree char *state = g_build_filename(sample->dir, "tee", NULL);
  const guint8 mr_config_id[48] = {0}, report_data[TDX_REPORT_DATA_SIZE] = SAMPLE_REPORT_DATA;
  if (!measure(sample, &measurements, error) || !file_remove_tree(state, error) || !file_make_dirs(state, 0700, error))
    return FALSE;
  g_autoptr(TdxPlatform) platform =
      tdx_platform_simulated(pki, measurements.mrtd, mr_config_id, measurements.boot_log, state, error);
  if (!platform || !emit_boot_events(platform, error))
    return FALSE;
  g_autoptr(TdxEvidence) evidence = tdx_get_evidence(platform, report_data, error);
  if (!evidence)
    return FALSE;
  sample->quote = g_bytes_ref(evidence->quote);
  sample->event_log = tdx_event_log_print(evidence->log);
  return file_remove_tree(state, error);
}

static gboolean write_trust(const Sample *sample, SimulatedPki *pki, GError **error) {
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, g_get_real_time() / G_USEC_PER_SEC, NULL);
  g_autofree char *config = g_strdup_printf(
      "# A verifier that trusts this sample's simulated root, and nobody else's: never use it for more.\n"
      "address = \"127.0.0.1\"\nport = 8080\nimage_cache_dir = \"%s\"\nimage_download_url = \"\"\n\n"
      "[attestation]\ninsecure_allow_external_trust_anchors = true\n"
      "root_ca.tdx = \"%s\"\ncollateral_file = \"%s\"\n",
      sample->cache_dir, sample->root_path, sample->collateral_path);
  return write_text(sample, "root.pem", root, error) && write_text(sample, "collateral.json", collateral, error) &&
         write_text(sample, "verifier.toml", config, error);
}

static gboolean write_json(const Sample *sample, const char *name, json_t *json, GError **error) {
  char *text = json_dumps(json, JSON_INDENT(2));
  gboolean written = write_text(sample, name, text, error);
  free(text);
  json_decref(json);
  return written;
}

static char *attestation_hex(const Sample *sample, GError **error) {
  const guint8 report_data[TDX_REPORT_DATA_SIZE] = SAMPLE_REPORT_DATA;
  g_autoptr(TdxEventLog) log = tdx_event_log_parse(sample->event_log, strlen(sample->event_log), error);
  if (!log)
    return NULL;
  g_autoptr(RatlsAttestation) attestation = ratls_attestation_new(sample->quote, log, report_data, sample->vm_config);
  g_autoptr(GBytes) encoded = ratls_attestation_encode(attestation);
  return hex_encode_bytes(encoded);
}

static gboolean write_evidence(const Sample *sample, GError **error) {
  const guint8 report_data[TDX_REPORT_DATA_SIZE] = SAMPLE_REPORT_DATA;
  gsize len;
  const void *raw = g_bytes_get_data(sample->quote, &len);
  g_autofree char *hex = hex_encode(raw, len), *report = hex_encode(report_data, sizeof report_data);
  g_autofree char *attestation = attestation_hex(sample, error);
  return attestation && write_file(sample, "quote.bin", raw, len, error) &&
         write_text(sample, "quote.hex", hex, error) &&
         write_text(sample, "event-log.json", sample->event_log, error) &&
         write_text(sample, "vm-config.json", sample->vm_config, error) &&
         write_text(sample, "app-compose.json", app_compose, error) &&
         write_json(sample, "getquote.json",
                    json_pack("{s:s, s:s, s:s, s:s}", "quote", hex, "event_log", sample->event_log, "report_data",
                              report, "vm_config", sample->vm_config),
                    error) &&
         write_json(
             sample, "request.json",
             json_pack("{s:s, s:s, s:s}", "quote", hex, "event_log", sample->event_log, "vm_config", sample->vm_config),
             error) &&
         write_json(sample, "attestation.json", json_pack("{s:s}", "attestation", attestation), error);
}

Sample *sample_make(const char *dir, GError **error) {
  g_autoptr(Sample) sample = g_new0(Sample, 1);
  g_autoptr(Secret) seed = secret_new_random(SEED_SIZE);
  g_autoptr(SimulatedPki) pki = simulated_pki_new(seed, NULL);
  sample->dir = g_canonicalize_filename(dir, NULL);
  sample->cache_dir = g_build_filename(sample->dir, "cache", NULL);
  sample->root_path = g_build_filename(sample->dir, "root.pem", NULL);
  sample->collateral_path = g_build_filename(sample->dir, "collateral.json", NULL);
  if (!file_make_dirs(sample->dir, 0755, error) || !make_image(sample, error) || !boot(sample, pki, error) ||
      !write_trust(sample, pki, error) || !write_evidence(sample, error))
    return NULL;
  return g_steal_pointer(&sample);
}
