/* Certificate chains under one given root. */
#include "crypto/x509.h"

#include "base/error.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE, X509_STORE_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(X509_STORE_CTX, X509_STORE_CTX_free)

static gboolean unverified(GError **error, const char *why) {
  ERR_clear_error();
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "certificate chain: %s", why);
  return FALSE;
}

/* OpenSSL takes some certificates without basic constraints for authorities; here they are none. */
static gboolean issuers_are_authorities(X509_STORE_CTX *context, GError **error) {
  STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(context);
  for (int i = 1; i < sk_X509_num(path); i++)
    if (!(X509_get_extension_flags(sk_X509_value(path, i)) & EXFLAG_CA))
      return unverified(error, "an issuer is no certificate authority");
  return TRUE;
}

static gboolean verify_path(X509_STORE_CTX *context, GError **error) {
  if (X509_verify_cert(context) == 1)
    return issuers_are_authorities(context, error);
  g_autofree char *why = g_ascii_strdown(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)), -1);
  return unverified(error, why);
}

gboolean certs_verify_chain(GPtrArray *chain, X509 *root, gint64 now, GError **error) {
  if (!chain->len || chain->len > CERT_MAX_CHAIN)
    return unverified(error, chain->len ? "too many certificates" : "no certificate");
  g_autoptr(X509_STORE) store = X509_STORE_new();
  g_autoptr(X509_STORE_CTX) context = X509_STORE_CTX_new();
  STACK_OF(X509) *untrusted = sk_X509_new_null();
  if (!store || !context || !untrusted || X509_STORE_add_cert(store, root) != 1)
    g_error("out of memory for a certificate chain");
  for (guint i = 1; i < chain->len; i++)
    if (sk_X509_push(untrusted, g_ptr_array_index(chain, i)) <= 0)
      g_error("out of memory for a certificate chain");
  gboolean ok;
  if (X509_STORE_CTX_init(context, store, g_ptr_array_index(chain, 0), untrusted) == 1) {
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_time(param, (time_t)now);
    /* The given root is the anchor, whoever signed it. */
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    ok = verify_path(context, error);
  } else {
    ok = unverified(error, "the leaf can not be read");
  }
  sk_X509_free(untrusted);
  return ok;
}
