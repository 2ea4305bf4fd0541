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

static gboolean name_ok(const char *name) {
  g_auto(GStrv) labels = g_strsplit(name, ".", -1);
  gboolean ok = *name != '\0';
  for (guint i = 0; ok && labels[i]; i++)
    ok = label_ok(labels[i]);
  return ok;
}

gboolean kms_domain_check(const char *domain, GError **error) {
  gsize len = strlen(domain);
  g_auto(GStrv) names = kms_domain_names(domain);
  gboolean ok = len >= 1 && len <= KMS_MAX_DOMAIN;
  for (guint i = 0; ok && names[i]; i++)
    ok = name_ok(names[i]);
  if (!ok)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "invalid domain name");
  return ok;
}

char **kms_domain_names(const char *domain) { return g_strsplit(domain, ",", -1); }
