/* The KMS's own name in its certificate (spec: kms 5.1). */
#pragma once

#include <glib.h>

/* 1 to 253 ASCII bytes in labels of 1 to 63 letters, digits and hyphens, none at a label's ends. IP addresses pass.
 * Beyond the reference: several names with commas between, for a KMS that its callers reach under several; the first
 * one is the certificate's common name. */
gboolean kms_domain_check(const char *domain, GError **error);
/* The names of a domain that passed kms_domain_check(); to be freed with g_strfreev(). */
char **kms_domain_names(const char *domain);
