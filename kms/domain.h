/* The KMS's own name in its certificate (spec: kms 5.1). */
#pragma once

#include <glib.h>

/* 1 to 253 ASCII bytes in labels of 1 to 63 letters, digits and hyphens, none at a label's ends. IP addresses pass. */
gboolean kms_domain_check(const char *domain, GError **error);
