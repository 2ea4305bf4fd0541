/* Reading certificates: PEM and DER forms, keys and extensions. */
#include "crypto/x509.h"

#include "base/error.h"
#include "base/reader.h"
#include "crypto/pem.h"

#include <openssl/err.h>
#include <string.h>

#define LABEL "CERTIFICATE"
#define TAG_OCTET_STRING 0x04

G_DEFINE_AUTOPTR_CLEANUP_FUNC(ASN1_OBJECT, ASN1_OBJECT_free)

X509 *cert_from_der(const void *der, gsize len, GError **error) {
  const guint8 *at = der;
  X509 *cert = len <= CERT_MAX_SIZE ? d2i_X509(NULL, &at, (long)len) : NULL;
  if (cert && at == (const guint8 *)der + len)
    return cert;
  ERR_clear_error();
  X509_free(cert);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "not a certificate in DER");
  return NULL;
}

GBytes *cert_to_der(X509 *cert) {
  guint8 *der = NULL;
  const int len = i2d_X509(cert, &der);
  if (len < 0)
    g_error("out of memory for a certificate");
  GBytes *bytes = g_bytes_new(der, (gsize)len);
  OPENSSL_free(der);
  return bytes;
}

char *cert_to_pem(X509 *cert) {
  g_autoptr(GBytes) der = cert_to_der(cert);
  g_autoptr(Secret) pem = pem_encode(LABEL, g_bytes_get_data(der, NULL), g_bytes_get_size(der));
  return g_strndup((const char *)secret_peek(pem), secret_len(pem));
}

static gboolean next_cert(PemCursor *cursor, X509 **out, GError **error) {
  g_autoptr(Secret) der = NULL;
  *out = NULL;
  if (!pem_next(cursor, LABEL, &der, error))
    return FALSE;
  if (der)
    *out = cert_from_der(secret_peek(der), secret_len(der), error);
  return !der || *out;
}

static gboolean bounded(gsize len, GError **error) {
  if (len <= PEM_MAX_SIZE)
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "pem: over %d bytes", PEM_MAX_SIZE);
  return FALSE;
}

GPtrArray *certs_from_pem(const void *pem, gsize len, GError **error) {
  if (!bounded(len, error))
    return NULL;
  g_autoptr(GPtrArray) certs = g_ptr_array_new_with_free_func((GDestroyNotify)X509_free);
  PemCursor cursor = pem_cursor(pem, len);
  for (;;) {
    X509 *cert;
    if (!next_cert(&cursor, &cert, error))
      return NULL;
    if (!cert)
      break;
    g_ptr_array_add(certs, cert);
    if (certs->len > CERT_MAX_CHAIN) {
      g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "pem: more than %d certificates", CERT_MAX_CHAIN);
      return NULL;
    }
  }
  if (certs->len)
    return g_steal_pointer(&certs);
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "pem: no certificate");
  return NULL;
}

X509 *cert_from_pem(const void *pem, gsize len, GError **error) {
  X509 *cert;
  PemCursor cursor = pem_cursor(pem, len);
  if (!bounded(len, error) || !next_cert(&cursor, &cert, error))
    return NULL;
  if (!cert)
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "pem: no certificate");
  return cert;
}

EVP_PKEY *cert_public_key(X509 *cert) {
  EVP_PKEY *key = X509_get_pubkey(cert);
  if (!key)
    ERR_clear_error();
  return key;
}

GBytes *cert_spki(X509 *cert) {
  guint8 *der = NULL;
  const int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
  if (len < 0)
    g_error("out of memory for a public key");
  GBytes *bytes = g_bytes_new(der, (gsize)len);
  OPENSSL_free(der);
  return bytes;
}

gboolean cert_extension_raw(X509 *cert, const char *oid, GBytes **out, GError **error) {
  *out = NULL;
  g_autoptr(ASN1_OBJECT) object = OBJ_txt2obj(oid, 1);
  if (!object)
    g_error("%s is no object identifier", oid);
  const int at = X509_get_ext_by_OBJ(cert, object, -1);
  if (at < 0)
    return TRUE;
  if (X509_get_ext_by_OBJ(cert, object, at) >= 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: extension %s stands twice", oid);
    return FALSE;
  }
  const ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(X509_get_ext(cert, at));
  *out = g_bytes_new(ASN1_STRING_get0_data(value), (gsize)ASN1_STRING_length(value));
  return TRUE;
}

/* A DER length, which has only one right form. */
static gsize read_der_length(Reader *reader) {
  const guint8 first = reader_u8(reader);
  if (first < 0x80)
    return first;
  const guint n_bytes = first & 0x7f;
  gsize len = 0;
  if (n_bytes == 0 || n_bytes > 4)
    reader_fail(reader);
  for (guint i = 0; i < n_bytes && reader_ok(reader); i++)
    len = len << 8 | reader_u8(reader);
  if (len < 0x80 || len >> (8 * (n_bytes - 1)) == 0)
    reader_fail(reader);
  return len;
}

gboolean cert_extension(X509 *cert, const char *oid, GBytes **out, GError **error) {
  g_autoptr(GBytes) value = NULL;
  *out = NULL;
  if (!cert_extension_raw(cert, oid, &value, error))
    return FALSE;
  if (!value)
    return TRUE;
  Reader reader = reader_init_bytes(value);
  if (reader_u8(&reader) != TAG_OCTET_STRING)
    reader_fail(&reader);
  const gsize len = read_der_length(&reader);
  const guint8 *content = reader_take(&reader, len);
  if (!reader_finish(&reader, oid, NULL)) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate: extension %s is not one octet string", oid);
    return FALSE;
  }
  *out = g_bytes_new(content, len);
  return TRUE;
}
