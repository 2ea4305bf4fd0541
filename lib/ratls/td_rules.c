#include "ratls/td_rules.h"

#include "base/error.h"

#define TD_ATTRIBUTE_DEBUG 0x01

static gboolean all_zero(const guint8 *data, gsize len) {
  guint8 any = 0;
  for (gsize i = 0; i < len; i++)
    any |= data[i];
  return any == 0;
}

static gboolean unverified(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "%s", why);
  return FALSE;
}

/* These decide whether the TD's memory is its own. */
gboolean ratls_check_td(const TdReport *td, GError **error) {
  if (td->td_attributes[0] & TD_ATTRIBUTE_DEBUG)
    return unverified(error, "debug: the TD can be debugged by its host");
  if (!all_zero(td->mr_signer_seam, sizeof td->mr_signer_seam))
    return unverified(error, "the TDX module was not signed by Intel");
  if (!all_zero(td->mr_service_td, sizeof td->mr_service_td))
    return unverified(error, "service td: a service TD is bound");
  return TRUE;
}
