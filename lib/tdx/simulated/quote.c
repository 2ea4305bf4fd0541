/* The simulated quoting enclave of a healthy platform. */
#include "tdx/simulated/pki.h"
#include "tdx/simulated/scenario.h"

#include "crypto/digest.h"

#include <string.h>

static const char module_name[] = "dstack simulated tdx module";

void simulated_report_init(TdReport *report) {
  static const guint8 sept_ve_disable[8] = {0, 0, 0, 0x10};
  static const guint8 xfam[8] = {0xe7, 0x02, 0x06};
  memset(report, 0, sizeof *report);
  memcpy(report->tee_tcb_svn, simulated_tee_tcb_svn, sizeof report->tee_tcb_svn);
  memcpy(report->td_attributes, sept_ve_disable, sizeof sept_ve_disable);
  memcpy(report->xfam, xfam, sizeof xfam);
  digest_sha384(module_name, strlen(module_name), report->mr_seam);
}

/* Quotes differ only in their reports: all else is made and signed once. */
static const SimulatedHealthy *healthy_platform(SimulatedPki *pki) {
  if (g_once_init_enter(&pki->healthy)) {
    g_autoptr(SimulatedScenario) scenario = simulated_scenario_new(pki, 4);
    SimulatedHealthy *healthy = g_new0(SimulatedHealthy, 1);
    healthy->quote = scenario->quote;
    healthy->frame = simulated_scenario_frame(scenario);
    g_once_init_leave(&pki->healthy, healthy);
  }
  return pki->healthy;
}

void simulated_healthy_free(SimulatedHealthy *healthy) {
  if (!healthy)
    return;
  simulated_frame_free(healthy->frame);
  g_free(healthy);
}

GBytes *simulated_quote(SimulatedPki *pki, const TdReport *report, GError **error) {
  (void)error; /* nothing here can fail; a real quoting enclave can, and callers are written for it */
  const SimulatedHealthy *healthy = healthy_platform(pki);
  Quote quote = healthy->quote;
  quote.td = *report;
  return simulated_frame_quote(healthy->frame, &quote, pki->attestation_key);
}
