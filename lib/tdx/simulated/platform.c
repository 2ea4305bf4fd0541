/* The simulated TEE as a platform: registers in a file, quotes from the simulated quoting enclave. */
#include "tdx/simulated/pki.h"

#include "base/error.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "tdx/lock.h"

#include <string.h>

#define REGISTERS_SIZE (TDX_N_RTMRS * TDX_MR_SIZE)
#define FIRST_GUEST_RTMR 2

typedef guint8 Registers[TDX_N_RTMRS][TDX_MR_SIZE];

typedef struct {
  TdxPlatform base;
  SimulatedPki *pki;
  guint8 mrtd[TDX_MR_SIZE], mr_config_id[TDX_MR_SIZE];
  TdxEventLog *boot_log;
  char *registers_path, *registers_lock_path;
} SimulatedPlatform;

static gboolean load_registers(const SimulatedPlatform *self, Registers out, GError **error) {
  g_autoptr(GBytes) content = file_read_nofollow(self->registers_path, REGISTERS_SIZE, error);
  if (!content)
    return FALSE;
  if (g_bytes_get_size(content) != REGISTERS_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: not %d bytes", self->registers_path, REGISTERS_SIZE);
    return FALSE;
  }
  memcpy(out, g_bytes_get_data(content, NULL), REGISTERS_SIZE);
  return TRUE;
}

static gboolean store_registers(const SimulatedPlatform *self, Registers registers, GError **error) {
  return file_write_atomic(self->registers_path, registers, REGISTERS_SIZE, 0600, error);
}

/* Power-on, or one more process that finds the machine running. */
static gboolean open_registers(const SimulatedPlatform *self, GError **error) {
  g_auto(TdxLock) lock = tdx_lock_acquire(self->registers_lock_path, error);
  Registers at_boot, current;
  if (lock < 0)
    return FALSE;
  for (guint i = 0; i < TDX_N_RTMRS; i++)
    if (!tdx_replay(self->boot_log, i, NULL, at_boot[i], error))
      return FALSE;
  if (!g_file_test(self->registers_path, G_FILE_TEST_EXISTS))
    return store_registers(self, at_boot, error);
  if (!load_registers(self, current, error))
    return FALSE;
  if (memcmp(current, at_boot, FIRST_GUEST_RTMR * TDX_MR_SIZE) == 0)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "%s: registers of another boot log", self->registers_path);
  return FALSE;
}

static GBytes *simulated_get_quote(TdxPlatform *platform, const guint8 report_data[TDX_REPORT_DATA_SIZE],
                                   GError **error) {
  SimulatedPlatform *self = (SimulatedPlatform *)platform;
  TdReport report;
  simulated_report_init(&report);
  memcpy(report.mr_td, self->mrtd, TDX_MR_SIZE);
  memcpy(report.mr_config_id, self->mr_config_id, TDX_MR_SIZE);
  memcpy(report.report_data, report_data, TDX_REPORT_DATA_SIZE);
  if (!load_registers(self, report.rtmr, error))
    return NULL;
  return simulated_quote(self->pki, &report, error);
}

static gboolean simulated_extend(TdxPlatform *platform, guint index, const guint8 digest[48], GError **error) {
  SimulatedPlatform *self = (SimulatedPlatform *)platform;
  if (index < FIRST_GUEST_RTMR || index >= TDX_N_RTMRS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "rtmr%u can not be extended by the guest", index);
    return FALSE;
  }
  g_auto(TdxLock) lock = tdx_lock_acquire(self->registers_lock_path, error);
  Registers registers;
  if (lock < 0 || !load_registers(self, registers, error))
    return FALSE;
  guint8 both[2 * TDX_MR_SIZE];
  memcpy(both, registers[index], TDX_MR_SIZE);
  memcpy(both + TDX_MR_SIZE, digest, TDX_MR_SIZE);
  digest_sha384(both, sizeof both, registers[index]);
  return store_registers(self, registers, error);
}

static gboolean simulated_read(TdxPlatform *platform, guint index, guint8 out[48], GError **error) {
  Registers registers;
  if (index >= TDX_N_RTMRS) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "there is no rtmr%u", index);
    return FALSE;
  }
  if (!load_registers((SimulatedPlatform *)platform, registers, error))
    return FALSE;
  memcpy(out, registers[index], TDX_MR_SIZE);
  return TRUE;
}

static TdxEventLog *simulated_boot_log(TdxPlatform *platform, GError **error) {
  (void)error; /* it was given, and can't be missing */
  SimulatedPlatform *self = (SimulatedPlatform *)platform;
  TdxEventLog *copy = tdx_event_log_new();
  for (guint i = 0; i < self->boot_log->len; i++) {
    const TdxEvent *event = g_ptr_array_index(self->boot_log, i);
    g_ptr_array_add(copy, tdx_event_new(event->imr, event->type, event->digest, event->name, event->payload));
  }
  return copy;
}

static void simulated_free(TdxPlatform *platform) {
  SimulatedPlatform *self = (SimulatedPlatform *)platform;
  simulated_pki_free(self->pki);
  g_ptr_array_unref(self->boot_log);
  g_free(self->registers_path);
  g_free(self->registers_lock_path);
  g_free(self);
}

static const TdxPlatformOps simulated_ops = {simulated_get_quote, simulated_extend, simulated_read, simulated_boot_log,
                                             simulated_free};

TdxPlatform *tdx_platform_simulated(SimulatedPki *pki, const guint8 mrtd[48], const guint8 mr_config_id[48],
                                    TdxEventLog *boot_log, const char *state_dir, GError **error) {
  SimulatedPlatform *self = g_new0(SimulatedPlatform, 1);
  self->base.ops = &simulated_ops;
  self->base.name = "simulated";
  self->base.runtime_log_path = g_build_filename(state_dir, "tdx_events.log", NULL);
  self->base.runtime_lock_path = g_build_filename(state_dir, "tdx_events.lock", NULL);
  self->pki = simulated_pki_ref(pki);
  memcpy(self->mrtd, mrtd, TDX_MR_SIZE);
  memcpy(self->mr_config_id, mr_config_id, TDX_MR_SIZE);
  self->boot_log = g_ptr_array_ref(boot_log);
  self->registers_path = g_build_filename(state_dir, "registers", NULL);
  self->registers_lock_path = g_build_filename(state_dir, "registers.lock", NULL);
  g_autoptr(TdxPlatform) platform = &self->base;
  if (!file_make_dirs(state_dir, 0700, error) || !open_registers(self, error)) {
    g_prefix_error(error, "failed to start the simulated tee: ");
    return NULL;
  }
  return g_steal_pointer(&platform);
}
