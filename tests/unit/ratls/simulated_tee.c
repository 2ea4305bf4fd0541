#include "simulated_tee.h"

#include "base/file.h"

#include <string.h>

static void write_text(const char *path, const char *text) {
  g_autoptr(GError) error = NULL;
  file_write_atomic(path, text, strlen(text), 0600, &error);
  g_assert_no_error(error);
}

static TdxEventLog *make_boot_log(void) {
  TdxEventLog *log = tdx_event_log_new();
  g_autoptr(GBytes) payload = g_bytes_new_static("boot", 4);
  for (guint imr = 0; imr < TDX_RUNTIME_RTMR; imr++)
    g_ptr_array_add(log, tdx_event_new(imr, 4, (const guint8[48]){7, (guint8)imr}, "", payload));
  return log;
}

SimulatedTee *simulated_tee_new(guint8 seed) {
  g_autoptr(GError) error = NULL;
  SimulatedTee *tee = g_new0(SimulatedTee, 1);
  tee->directory = g_dir_make_tmp("dstack-ratls-XXXXXX", &error);
  g_assert_no_error(error);
  g_autoptr(Secret) seed_bytes = secret_new_zero(32);
  memset(secret_data(seed_bytes), seed, 32);
  tee->pki = simulated_pki_new(seed_bytes, &error);
  g_assert_no_error(error);
  tee->root_path = g_build_filename(tee->directory, "root.pem", NULL);
  tee->collateral_path = g_build_filename(tee->directory, "collateral.json", NULL);
  g_autofree char *root = simulated_pki_root_pem(tee->pki);
  g_autofree char *collateral = simulated_pki_collateral(tee->pki, g_get_real_time() / G_USEC_PER_SEC, &error);
  g_assert_no_error(error);
  write_text(tee->root_path, root);
  write_text(tee->collateral_path, collateral);
  tee->boot_log = make_boot_log();
  const guint8 mrtd[48] = {1}, mr_config_id[48] = {0};
  tee->platform = tdx_platform_simulated(tee->pki, mrtd, mr_config_id, tee->boot_log, tee->directory, &error);
  g_assert_no_error(error);
  return tee;
}

void simulated_tee_free(SimulatedTee *tee) {
  tdx_platform_free(tee->platform);
  g_ptr_array_unref(tee->boot_log);
  simulated_pki_free(tee->pki);
  g_assert_true(file_remove_tree(tee->directory, NULL));
  g_free(tee->root_path);
  g_free(tee->collateral_path);
  g_free(tee->directory);
  g_free(tee);
}

static void emit(SimulatedTee *tee, const char *name, guint8 byte, gsize len) {
  g_autoptr(GError) error = NULL;
  guint8 payload[32];
  memset(payload, byte, sizeof payload);
  tdx_emit_event(tee->platform, name, payload, len, &error);
  g_assert_no_error(error);
}

void simulated_tee_boot(SimulatedTee *tee) {
  emit(tee, "system-preparing", 0, 0);
  emit(tee, "app-id", 0x11, 20);
  emit(tee, "compose-hash", 0x22, 32);
  emit(tee, "instance-id", 0x33, 20);
  emit(tee, "boot-mr-done", 0, 0);
}

RatlsVerifier *simulated_tee_verifier(SimulatedTee *tee) {
  g_autoptr(GError) error = NULL;
  const RatlsVerifierOptions options = {
      .root_ca_path = tee->root_path, .allow_external_root = TRUE, .collateral_path = tee->collateral_path};
  RatlsVerifier *verifier = ratls_verifier_new(&options, &error);
  g_assert_no_error(error);
  return verifier;
}

void simulated_tee_write_collateral(SimulatedTee *tee, const char *text) { write_text(tee->collateral_path, text); }
