/* Where a certificate says its issuer's revocation list is. */
#pragma once

#include <openssl/x509.h>

/* The first http or https URI of the CRL distribution points extension, or NULL. To be freed with g_free(). */
char *dcap_distribution_point(X509 *cert);
