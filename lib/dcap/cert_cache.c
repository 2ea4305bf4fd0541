#include "dcap/chain.h"

#include "dcap/pem.h"

/* More than a fleet shows at once; a full cache starts again from nothing. */
#define CACHE_MAX_CERTS 256

struct DcapCertCache {
  GMutex lock;
  GHashTable *certs; /* GBytes* (DER, inside the value) -> DcapCert* */
};

DcapCertCache *dcap_cert_cache_new(void) {
  DcapCertCache *cache = g_new0(DcapCertCache, 1);
  g_mutex_init(&cache->lock);
  cache->certs = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, NULL, (GDestroyNotify)dcap_cert_unref);
  dcap_cert_cache_add(cache, dcap_intel_root_cert());
  return cache;
}

void dcap_cert_cache_free(DcapCertCache *cache) {
  if (!cache)
    return;
  g_hash_table_unref(cache->certs);
  g_mutex_clear(&cache->lock);
  g_free(cache);
}

static DcapCert *lookup(DcapCertCache *cache, GBytes *der) {
  g_mutex_lock(&cache->lock);
  DcapCert *cert = g_hash_table_lookup(cache->certs, der);
  if (cert)
    dcap_cert_ref(cert);
  g_mutex_unlock(&cache->lock);
  return cert;
}

void dcap_cert_cache_add(DcapCertCache *cache, DcapCert *cert) {
  g_mutex_lock(&cache->lock);
  if (!g_hash_table_contains(cache->certs, cert->der)) {
    if (g_hash_table_size(cache->certs) >= CACHE_MAX_CERTS)
      g_hash_table_remove_all(cache->certs);
    g_hash_table_insert(cache->certs, cert->der, dcap_cert_ref(cert));
  }
  g_mutex_unlock(&cache->lock);
}

DcapCert *dcap_cert_cache_parse(DcapCertCache *cache, GBytes *der, GError **error) {
  DcapCert *cert = cache ? lookup(cache, der) : NULL;
  return cert ? cert : dcap_cert_parse(der, error);
}

GPtrArray *dcap_chain_parse(const char *pem, gsize len, DcapCertCache *cache, GError **error) {
  g_autoptr(GPtrArray) blocks = dcap_pem_certificates(pem, len, error);
  if (!blocks)
    return NULL;
  g_autoptr(GPtrArray) chain = g_ptr_array_new_with_free_func((GDestroyNotify)dcap_cert_unref);
  for (guint i = 0; i < blocks->len; i++) {
    DcapCert *cert = dcap_cert_cache_parse(cache, blocks->pdata[i], error);
    if (!cert) {
      g_prefix_error(error, "certificate %u: ", i + 1);
      return NULL;
    }
    g_ptr_array_add(chain, cert);
  }
  return g_steal_pointer(&chain);
}
