/* X.509 certificates by dstack's common rules (spec: kms 3.3), and reading them. */
#pragma once

#include "crypto/p256.h"

#include <glib.h>
#include <openssl/x509.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509, X509_free)

/* A custom non-critical extension whose extnValue wraps a DER OCTET STRING with `content`. */
typedef struct {
  const char *oid; /* dotted */
  GBytes *content;
} CertExtension;

typedef struct {
  const char *organization;      /* NULL: no O */
  const char *common_name;       /* may be "" and longer than 64 characters */
  const char *const *alt_names;  /* NULL-terminated, may be NULL; IP literals become iPAddress, others dNSName (ASCII) */
  gboolean server_auth, client_auth;
  int ca_path_len;               /* < 0: a leaf; else CA:TRUE with this pathLen */
  const CertExtension *extensions; /* in order */
  gsize n_extensions;
  gint64 not_before, not_after;  /* Unix seconds; 0: 1975-01-01 and now + 3650 days */
} CertSpec;

#define CERT_MAX_SIZE (4 * 1024 * 1024) /* DER; an event log may be inside */
#define CERT_MAX_CHAIN 16
#define CERT_MAX_NAME 4096     /* bytes of an organization, common name or alternative name */
#define CERT_MAX_ALT_NAMES 256

/* Makes a certificate for `subject_key` (its public part). Self-signed when `issuer` is NULL and issuer_key is
 * subject_key. Error INVALID: non-ASCII DNS name, names that are no UTF-8 or over the limits, times X.509 can't hold,
 * not_before >= not_after, an issuer certificate of another key. */
X509 *cert_build(const CertSpec *spec, EVP_PKEY *subject_key, X509 *issuer, EVP_PKEY *issuer_key, GError **error);

/* PEM with 64 columns and a final LF. */
char *cert_to_pem(X509 *cert);
/* Every CERTIFICATE block of a text in order; everything outside blocks is ignored. Element type X509*, freed with the array.
 * Error INVALID: none, more than 16, or one that does not parse. */
GPtrArray *certs_from_pem(const void *pem, gsize len, GError **error);
/* The first one. New reference. */
X509 *cert_from_pem(const void *pem, gsize len, GError **error);
X509 *cert_from_der(const void *der, gsize len, GError **error);
GBytes *cert_to_der(X509 *cert);

/* New reference; of any algorithm (see p256_is()); NULL when OpenSSL does not know it. */
EVP_PKEY *cert_public_key(X509 *cert);
/* SubjectPublicKeyInfo DER as it stands in the certificate. */
GBytes *cert_spki(X509 *cert);
/* The content of a custom extension as of CertExtension. *out is NULL when the certificate has none. Error INVALID: twice,
 * or a value that is not exactly one DER OCTET STRING. */
gboolean cert_extension(X509 *cert, const char *oid, GBytes **out, GError **error);
/* The extnValue itself, unwrapped once (for extensions of others, such as Intel's). */
gboolean cert_extension_raw(X509 *cert, const char *oid, GBytes **out, GError **error);

/* Checks that `chain` (leaf first, X509*) leads to `root` by signatures, CA flags, path lengths and validity at `now`
 * (Unix seconds). The root may or may not be the chain's last element. Error UNVERIFIED with the reason. */
gboolean certs_verify_chain(GPtrArray *chain, X509 *root, gint64 now, GError **error);
