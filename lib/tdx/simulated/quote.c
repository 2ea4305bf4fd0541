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

GBytes *simulated_quote(SimulatedPki *pki, const TdReport *report, GError **error) {
  (void)error; /* nothing here can fail; a real quoting enclave can, and callers are written for it */
  g_autoptr(SimulatedScenario) healthy = simulated_scenario_new(pki, 4);
  healthy->quote.td = *report;
  return simulated_scenario_quote(healthy);
}
