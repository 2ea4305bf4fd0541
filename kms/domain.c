#include "kms/domain.h"

#include "kms/protocol.h"

#include "base/error.h"

#include <string.h>

#define MAX_LABEL 63

static gboolean label_ok(const char *label) {
  gsize len = strlen(label);
  if (len < 1 || len > MAX_LABEL || label[0] == '-' || label[len - 1] == '-')
    return FALSE;
  for (; *label; label++)
    if (!g_ascii_isalnum(*label) && *label != '-')
      return FALSE;
  return TRUE;
}

gboolean kms_domain_check(const char *domain, GError **error) {
  gsize len = strlen(domain);
  gboolean ok = len >= 1 && len <= KMS_MAX_DOMAIN;
  g_auto(GStrv) labels = g_strsplit(domain, ".", -1);
  for (guint i = 0; ok && labels[i]; i++)
    ok = label_ok(labels[i]);
  if (!ok)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid domain name");
  return ok;
}
