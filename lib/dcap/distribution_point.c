#include "dcap/distribution_point.h"

#include "dcap/http.h"

#include <glib.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>

static char *as_url(const GENERAL_NAME *name) {
  int type;
  const ASN1_IA5STRING *uri = GENERAL_NAME_get0_value(name, &type);
  if (type != GEN_URI || ASN1_STRING_length(uri) > DCAP_HTTP_MAX_URL)
    return NULL;
  gsize len = (gsize)ASN1_STRING_length(uri);
  const char *text = (const char *)ASN1_STRING_get0_data(uri);
  gboolean web = (len > 8 && strncmp(text, "https://", 8) == 0) || (len > 7 && strncmp(text, "http://", 7) == 0);
  return web && !memchr(text, '\0', len) ? g_strndup(text, len) : NULL;
}

static char *first_url(const DIST_POINT *point) {
  if (!point->distpoint || point->distpoint->type != 0)
    return NULL;
  const GENERAL_NAMES *names = point->distpoint->name.fullname;
  for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
    char *url = as_url(sk_GENERAL_NAME_value(names, i));
    if (url)
      return url;
  }
  return NULL;
}

char *dcap_distribution_point(X509 *cert) {
  CRL_DIST_POINTS *points = X509_get_ext_d2i(cert, NID_crl_distribution_points, NULL, NULL);
  char *url = NULL;
  for (int i = 0; i < sk_DIST_POINT_num(points) && !url; i++)
    url = first_url(sk_DIST_POINT_value(points, i));
  CRL_DIST_POINTS_free(points);
  ERR_clear_error();
  return url;
}
