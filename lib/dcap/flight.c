#include "dcap/flight.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "dcap/collateral.h"
#include "dcap/disk_cache.h"
#include "dcap/failure.h"
#include "dcap/precheck.h"
#include "dcap/usable.h"

#include <string.h>

#define CERT_TYPE_PCK_CHAIN 5
#define MAX_KEYS 256 /* a full memory starts again from nothing */
#define TAG_SIZE 4
#define PLATFORM_TAG_SIZE 16

gboolean dcap_flight_plan_init(DcapFlightPlan *plan, const DcapServiceOptions *options, const gint *cancelled,
                               GError **error) {
  *plan = (DcapFlightPlan){.cache_dir = options->cache_dir && *options->cache_dir ? g_strdup(options->cache_dir) : NULL,
                           .timeout_ms = options->timeout_ms ? options->timeout_ms : DCAP_FETCH_TIMEOUT_MS,
                           .insecure_tls = options->insecure_tls,
                           .cancelled = cancelled,
                           .certs = dcap_cert_cache_new()};
  g_mutex_init(&plan->lock);
  plan->keys = g_hash_table_new_full(g_bytes_hash, g_bytes_equal, (GDestroyNotify)g_bytes_unref, g_free);
  if (!dcap_service_init(&plan->service, options->url, error))
    return FALSE;
  guint8 digest[SHA256_SIZE];
  digest_sha256(plan->service.base, strlen(plan->service.base), digest);
  plan->tag = hex_encode(digest, TAG_SIZE);
  if (plan->insecure_tls)
    log_warn("the certificate of the collateral service %s is not checked", plan->service.base);
  return TRUE;
}

void dcap_flight_plan_clear(DcapFlightPlan *plan) {
  dcap_service_clear(&plan->service);
  dcap_cert_cache_free(plan->certs);
  g_hash_table_unref(plan->keys);
  g_mutex_clear(&plan->lock);
  g_free(plan->cache_dir);
  g_free(plan->tag);
}

void dcap_flight_clear(DcapFlight *flight) {
  g_clear_pointer(&flight->collateral, dcap_collateral_unref);
  g_clear_error(&flight->error);
}

/* Of everything a key depends on. */
static GBytes *identity_of(const Quote *quote) {
  g_autoptr(GByteArray) all = g_byte_array_sized_new((guint)quote->cert_len + 64);
  const guint32 tee = quote->tee_type, type = quote->cert_type;
  g_byte_array_append(all, (const guint8 *)&tee, sizeof tee);
  g_byte_array_append(all, (const guint8 *)&type, sizeof type);
  g_byte_array_append(all, quote->user_data, sizeof quote->user_data);
  g_byte_array_append(all, quote->cert_data, (guint)quote->cert_len);
  guint8 digest[SHA256_SIZE];
  digest_sha256(all->data, all->len, digest);
  return g_bytes_new(digest, sizeof digest);
}

static char *key_from_chain(DcapFlightPlan *plan, const Quote *quote, DcapFailure *failure, GError **error) {
  g_autoptr(GError) why = NULL;
  g_autoptr(GPtrArray) chain = dcap_chain_parse((const char *)quote->cert_data, quote->cert_len, plan->certs, &why);
  DcapPck pck;
  if (!chain || chain->len == 0) {
    *failure = dcap_fail(error, DCAP_CHAIN_INVALID, "pck chain: %s", chain ? "no certificate" : why->message);
    return NULL;
  }
  const DcapCert *leaf = chain->pdata[0];
  if (!dcap_pck_from_cert(leaf->x509, &pck, &why)) {
    *failure = dcap_fail(error, DCAP_PARSE_ERROR, "pck certificate: %s", why->message);
    return NULL;
  }
  const DcapPlatformId id = dcap_platform_id(quote, &pck, leaf);
  g_autofree char *fmspc = hex_encode(id.fmspc, sizeof id.fmspc);
  return g_strdup_printf("%s-%s-%s-%s", id.tee == TEE_TDX ? "tdx" : "sgx", fmspc, id.authority, plan->tag);
}

static char *make_key(DcapFlightPlan *plan, const Quote *quote, GBytes *identity, DcapFailure *failure,
                      GError **error) {
  DcapPckRequest request;
  if (quote->cert_type == CERT_TYPE_PCK_CHAIN)
    return key_from_chain(plan, quote, failure, error);
  if (dcap_pck_request(quote, &request)) {
    g_autofree char *platform = hex_encode(g_bytes_get_data(identity, NULL), PLATFORM_TAG_SIZE);
    return g_strdup_printf("pck-%s-%s", platform, plan->tag);
  }
  *failure = dcap_fail(error, DCAP_CHAIN_INVALID, "certification data of type %u names no platform", quote->cert_type);
  return NULL;
}

char *dcap_flight_key(DcapFlightPlan *plan, const Quote *quote, DcapFailure *failure, GError **error) {
  g_autoptr(GBytes) identity = identity_of(quote);
  g_mutex_lock(&plan->lock);
  char *key = g_strdup(g_hash_table_lookup(plan->keys, identity));
  g_mutex_unlock(&plan->lock);
  if (key || !(key = make_key(plan, quote, identity, failure, error)))
    return key;
  g_mutex_lock(&plan->lock);
  if (g_hash_table_size(plan->keys) >= MAX_KEYS)
    g_hash_table_remove_all(plan->keys);
  g_hash_table_replace(plan->keys, g_steal_pointer(&identity), g_strdup(key));
  g_mutex_unlock(&plan->lock);
  return key;
}

/* What the service said can't be used: told apart by the error's code (see dcap_service_fetch()). */
static void answer_failed(DcapFlight *flight) {
  flight->failure = flight->error->code == DSTACK_ERROR_INVALID ? DCAP_COLLATERAL_DECODE : DCAP_COLLATERAL_FETCH;
}

static gboolean take(DcapFlight *flight, const char *json, gsize len, const Quote *quote, const DcapOptions *options) {
  g_autoptr(DcapCollateral) collateral = dcap_collateral_parse(json, len, &flight->error);
  flight->failure = DCAP_COLLATERAL_DECODE;
  if (!collateral || !dcap_collateral_usable(collateral, quote, options, &flight->failure, &flight->error))
    return FALSE;
  flight->collateral = g_steal_pointer(&collateral);
  flight->failure = DCAP_OK;
  return TRUE;
}

static gboolean precheck(DcapFlightPlan *plan, const char *pck_pem, const Quote *quote, const DcapOptions *options,
                         DcapPlatformId *id, DcapFlight *flight) {
  DcapPck pck;
  g_autoptr(DcapCert) leaf = NULL;
  flight->failure = dcap_precheck(quote, pck_pem, plan->certs, options, &pck, &leaf, &flight->error);
  if (flight->failure == DCAP_OK)
    *id = dcap_platform_id(quote, &pck, leaf);
  return flight->failure == DCAP_OK;
}

/* NULL: the quote has its certificate, or an error. */
static char *look_up(DcapFlightPlan *plan, DcapHttp *http, const Quote *quote, const DcapOptions *options,
                     const DcapCollateral *known, DcapFlight *flight) {
  DcapPckRequest request;
  DcapPlatformId id;
  if (!dcap_pck_request(quote, &request))
    return NULL;
  if (known && !precheck(plan, known->pck_chain, quote, options, &id, flight)) {
    flight->nobody_asked = TRUE;
    return NULL;
  }
  char *pem = dcap_service_fetch_pck(&plan->service, http, &request, &flight->error);
  if (!pem)
    answer_failed(flight);
  return pem;
}

void dcap_flight_fetch(DcapFlightPlan *plan, const char *key, const Quote *quote, const DcapOptions *options,
                       const DcapCollateral *known, DcapFlight *flight) {
  g_autoptr(DcapHttp) http = dcap_http_new(plan->timeout_ms, plan->insecure_tls, plan->cancelled);
  DcapPlatformId id;
  g_autofree char *pck_pem = look_up(plan, http, quote, options, known, flight);
  if (flight->error)
    return;
  if (!precheck(plan, pck_pem, quote, options, &id, flight)) {
    flight->nobody_asked = !pck_pem;
    return;
  }
  X509 *root = options->root ? options->root : dcap_intel_root();
  g_autofree char *json = dcap_service_fetch(&plan->service, http, &id, root, pck_pem, &flight->error);
  if (!json)
    return answer_failed(flight);
  if (!take(flight, json, strlen(json), quote, options))
    return;
  flight->obtained = options->now;
  log_info("fetched collateral %s from %s", key, plan->service.base);
  if (plan->cache_dir)
    dcap_disk_cache_store(plan->cache_dir, key, json);
}

static gboolean load_from_disk(DcapFlightPlan *plan, const char *key, const Quote *quote, const DcapOptions *options,
                               DcapFlight *flight) {
  gint64 stored = 0;
  g_autoptr(GBytes) content = plan->cache_dir ? dcap_disk_cache_load(plan->cache_dir, key, &stored) : NULL;
  if (!content)
    return FALSE;
  flight->obtained = MIN(stored, options->now);
  if (take(flight, g_bytes_get_data(content, NULL), g_bytes_get_size(content), quote, options))
    return TRUE;
  log_info("cached collateral %s is not used: %s", key, flight->error->message);
  g_clear_error(&flight->error);
  return FALSE;
}

gboolean dcap_flight_needs_lookup(const Quote *quote) { return quote->cert_type != CERT_TYPE_PCK_CHAIN; }

gboolean dcap_flight_load(DcapFlightPlan *plan, const char *key, const Quote *quote, const DcapOptions *options,
                          DcapFlight *flight) {
  DcapPlatformId id;
  flight->nobody_asked = !dcap_flight_needs_lookup(quote) && !precheck(plan, NULL, quote, options, &id, flight);
  return flight->nobody_asked || load_from_disk(plan, key, quote, options, flight);
}
