#include "sdk/simulator/tee.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/digest.h"

#include <string.h>

#define SEED_SIZE 32
#define SEED_FILE_MAX_SIZE 1024
#define MEASUREMENTS_MAX_SIZE (16 * 1024 * 1024)
#define SEPARATOR_EVENT_TYPE 4 /* EV_SEPARATOR of the TCG */

static Secret *make_seed(const char *path, GError **error) {
  g_autoptr(Secret) seed = secret_new_random(SEED_SIZE);
  char text[2 * SEED_SIZE + 2];
  g_autofree char *hex = hex_encode(secret_peek(seed), SEED_SIZE);
  g_snprintf(text, sizeof text, "%s\n", hex);
  gboolean written = file_write_atomic(path, text, strlen(text), 0600, error);
  secret_wipe(hex, strlen(hex));
  secret_wipe(text, sizeof text);
  if (written)
    log_info("made a new seed in %s", path);
  return written ? g_steal_pointer(&seed) : NULL;
}

static Secret *load_seed(const char *path, GError **error) {
  g_autoptr(GError) why = NULL;
  g_autofree char *text = file_read_text(path, SEED_FILE_MAX_SIZE, &why);
  if (!text && g_error_matches(why, DSTACK_ERROR, DSTACK_ERROR_NOT_FOUND))
    return make_seed(path, error);
  if (!text) {
    g_propagate_error(error, g_steal_pointer(&why));
    return NULL;
  }
  g_autoptr(Secret) seed = secret_new_zero(SEED_SIZE);
  gboolean decoded = hex_decode_fixed(g_strstrip(text), secret_data(seed), SEED_SIZE, NULL);
  secret_wipe(text, strlen(text));
  if (decoded)
    return g_steal_pointer(&seed);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: expected 64 hex digits", path);
  return NULL;
}

SimulatedPki *tee_pki(const SimulatorConfig *config, GError **error) {
  g_autoptr(Secret) seed = load_seed(config->seed_file, error);
  return seed ? simulated_pki_new(seed, error) : NULL;
}

typedef struct {
  guint8 mrtd[TDX_MR_SIZE], mr_config_id[TDX_MR_SIZE];
  TdxEventLog *boot_log;
} Measurements;

static void measurements_clear(Measurements *measurements) {
  g_clear_pointer(&measurements->boot_log, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Measurements, measurements_clear)

static void make_up_measurements(Measurements *out) {
  static const char name[] = "dstack simulator";
  digest_sha384(name, strlen(name), out->mrtd);
  out->boot_log = tdx_event_log_new();
  for (guint imr = 0; imr < TDX_RUNTIME_RTMR; imr++) {
    guint8 digest[SHA384_SIZE];
    digest_sha384(name, strlen(name) - imr, digest);
    g_autoptr(GBytes) payload = g_bytes_new_static("\0\0\0\0", 4);
    g_ptr_array_add(out->boot_log, tdx_event_new(imr, SEPARATOR_EVENT_TYPE, digest, "", payload));
  }
}

static gboolean get_register(const json_t *root, const char *key, guint8 out[TDX_MR_SIZE], GError **error) {
  const char *text = json_get_string(root, key, "measurements", error);
  if (!text)
    return FALSE;
  if (hex_decode_fixed(text, out, TDX_MR_SIZE, error))
    return TRUE;
  g_prefix_error(error, "measurements.%s: ", key);
  return FALSE;
}

static gboolean load_measurements(const char *path, Measurements *out, GError **error) {
  g_autoptr(json_t) root = json_parse_file(path, MEASUREMENTS_MAX_SIZE, error);
  if (!root || !json_require_object(root, path, error) || !get_register(root, "mrtd", out->mrtd, error) ||
      (json_object_get(root, "mr_config_id") && !get_register(root, "mr_config_id", out->mr_config_id, error)))
    return FALSE;
  const json_t *log = json_object_get(root, "boot_log");
  g_autofree char *text = log ? json_print(log) : g_strdup("");
  out->boot_log = tdx_event_log_parse(text, strlen(text), error);
  if (!out->boot_log)
    g_prefix_error(error, "measurements.boot_log: ");
  return out->boot_log != NULL;
}

TdxPlatform *tee_platform(const SimulatorConfig *config, SimulatedPki *pki, GError **error) {
  g_auto(Measurements) measurements = {0};
  if (!config->measurements_file)
    make_up_measurements(&measurements);
  else if (!load_measurements(config->measurements_file, &measurements, error))
    return NULL;
  return tdx_platform_simulated(pki, measurements.mrtd, measurements.mr_config_id, measurements.boot_log,
                                config->state_dir, error);
}

static gboolean write_text(const char *directory, const char *name, const char *text, GError **error) {
  g_autofree char *path = g_build_filename(directory, name, NULL);
  return file_write_atomic(path, text, strlen(text), 0644, error);
}

gboolean tee_write_anchors(SimulatedPki *pki, const char *directory, GError **error) {
  g_autofree char *root = simulated_pki_root_pem(pki);
  g_autofree char *collateral = simulated_pki_collateral(pki, g_get_real_time() / G_USEC_PER_SEC, error);
  return collateral && file_make_dirs(directory, 0755, error) && write_text(directory, "root.pem", root, error) &&
         write_text(directory, "collateral.json", collateral, error);
}
