/* PEM certificates, read strictly: one text has one reading, so that no byte of a certificate can be changed unnoticed.
 */
#pragma once

#include <glib.h>

#define DCAP_PEM_MAX_SIZE (64 * 1024)
#define DCAP_CHAIN_MAX_CERTS 8

/* The DER of every complete CERTIFICATE block in order (GBytes*); everything outside complete blocks is ignored.
 * Error INVALID: base64 that is not canonical. TOO_LARGE: over the limits above. No block at all gives an empty array.
 */
GPtrArray *dcap_pem_certificates(const char *text, gsize len, GError **error);
