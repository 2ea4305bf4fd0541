/* What a PCK certificate says about its platform: Intel's extension 1.2.840.113741.1.13.1 (B.3). */
#pragma once

#include <glib.h>
#include <openssl/x509.h>

#define DCAP_SGX_EXTENSION_OID "1.2.840.113741.1.13.1"

typedef struct {
  guint8 ppid[16];
  guint8 cpu_svn[16];
  guint16 pce_svn;
  guint8 pce_id[2];
  guint8 fmspc[6];
} DcapPck;

/* Parses the extension's value. Error INVALID: a required member is missing, one is duplicate or malformed, or a
 * component SVN differs from its byte of the CPU SVN. */
gboolean dcap_pck_parse(const void *der, gsize len, DcapPck *out, GError **error);
/* Finds the extension, which must be there exactly once, and parses it. */
gboolean dcap_pck_from_cert(X509 *cert, DcapPck *out, GError **error);
