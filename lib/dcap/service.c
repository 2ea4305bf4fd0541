#include "dcap/service.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/json.h"
#include "dcap/distribution_point.h"
#include "dcap/failure.h"
#include "dcap/json_cut.h"

#include <string.h>

#define INTEL_HOST "api.trustedservices.intel.com"
#define INTEL_URL "https://" INTEL_HOST
#define API_VERSION "/certification/v4"
#define DER_SEQUENCE_TAG 0x30
#define TCBM_SIZE 18

static char *normalised(const char *url) {
  static const char *const api_paths[] = {"/sgx" API_VERSION, "/tdx" API_VERSION};
  g_autofree char *base = g_strstrip(g_strdup(url));
  for (gsize i = 0; i <= G_N_ELEMENTS(api_paths); i++) {
    while (g_str_has_suffix(base, "/"))
      base[strlen(base) - 1] = '\0';
    if (i < G_N_ELEMENTS(api_paths) && g_str_has_suffix(base, api_paths[i]))
      base[strlen(base) - strlen(api_paths[i])] = '\0';
  }
  return g_steal_pointer(&base);
}

static gboolean is_blank(const char *text) { return !text || strspn(text, " \t\r\n") == strlen(text); }

static gboolean is_allowed(GUri *uri) {
  const char *scheme = g_uri_get_scheme(uri), *host = g_uri_get_host(uri);
  return (g_str_equal(scheme, "https") || g_str_equal(scheme, "http")) && host && *host && !g_uri_get_userinfo(uri) &&
         !g_uri_get_query(uri) && !g_uri_get_fragment(uri);
}

gboolean dcap_service_init(DcapService *service, const char *url, GError **error) {
  const char *chosen = is_blank(url) ? g_getenv("PCCS_URL") : url;
  *service = (DcapService){.base = normalised(is_blank(chosen) ? INTEL_URL : chosen)};
  g_autoptr(GUri) uri = g_uri_parse(service->base, G_URI_FLAGS_NONE, NULL);
  if (uri && is_allowed(uri)) {
    service->is_intel = g_ascii_strcasecmp(g_uri_get_host(uri), INTEL_HOST) == 0;
    return TRUE;
  }
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "'%s' is not the address of a collateral service",
              service->base);
  dcap_service_clear(service);
  return FALSE;
}

void dcap_service_clear(DcapService *service) { g_clear_pointer(&service->base, g_free); }

static gboolean fetch_failed(const GError *why, GError **error) {
  dcap_fail(error, DCAP_COLLATERAL_FETCH, "%s", why->message);
  return FALSE;
}

static gboolean malformed(const char *what, const char *why, GError **error) {
  dcap_fail(error, DCAP_COLLATERAL_DECODE, "%s: %s", what, why);
  return FALSE;
}

static gboolean get(DcapHttp *http, const char *url, DcapHttpReply *reply, GError **error) {
  g_autoptr(GError) why = NULL;
  return dcap_http_get(http, url, reply, &why) || fetch_failed(why, error);
}

/* Decodes %XX only; a plus sign stays one. NULL when the header is missing or its value is no text. */
static char *chain_header(const DcapHttpReply *reply, const char *name) {
  const char *value = g_hash_table_lookup(reply->headers, name);
  char *decoded = value ? g_uri_unescape_string(value, NULL) : NULL;
  if (decoded && g_utf8_validate(decoded, -1, NULL))
    return decoded;
  g_free(decoded);
  return NULL;
}

static gboolean set_chain(json_t *out, const char *key, const DcapHttpReply *reply, const char *header,
                          const char *other_header, GError **error) {
  g_autofree char *chain = chain_header(reply, header);
  if (!chain && other_header)
    chain = chain_header(reply, other_header);
  if (!chain) {
    dcap_fail(error, DCAP_COLLATERAL_FETCH, "answer without a certificate chain in header '%s'", header);
    return FALSE;
  }
  json_object_set_new(out, key, json_string(chain));
  return TRUE;
}

/* A revocation list comes as DER or as the hex text of it. */
static gboolean set_crl(json_t *out, const char *key, GBytes *body, GError **error) {
  gsize len;
  const char *data = g_bytes_get_data(body, &len);
  g_autofree char *hex = NULL;
  if (len > 0 && (guint8)data[0] == DER_SEQUENCE_TAG) {
    hex = hex_encode(data, len);
  } else {
    g_autofree char *text = g_strstrip(g_strndup(data, len));
    g_autoptr(GBytes) decoded = hex_decode(text, strlen(text), NULL);
    if (!decoded || g_bytes_get_size(decoded) == 0)
      return malformed(key, "neither DER nor hex", error);
    hex = hex_encode_bytes(decoded);
  }
  json_object_set_new(out, key, json_string(hex));
  return TRUE;
}

/* A document and its signature; the text goes on exactly as it was delivered. */
static gboolean set_document(json_t *out, const char *key, const DcapHttpReply *reply, const char *member,
                             GError **error) {
  gsize len, text_len, signature_len;
  const char *body = g_bytes_get_data(reply->body, &len), *text, *signature;
  g_autoptr(GError) why = NULL;
  if (!dcap_json_cut(body, len, member, key, &text, &text_len, &why) ||
      !dcap_json_cut(body, len, "signature", key, &signature, &signature_len, &why))
    return malformed("answer", why->message, error);
  json_t *signature_text = json_loadb(signature, signature_len, JSON_DECODE_ANY, NULL);
  if (!json_is_string(signature_text)) {
    json_decref(signature_text);
    return malformed(key, "signature is no text", error);
  }
  g_autofree char *signature_key = g_strconcat(key, "_signature", NULL);
  json_object_set_new(out, signature_key, signature_text);
  json_object_set_new(out, key, json_stringn(text, text_len));
  return TRUE;
}

static gboolean fetch_pck_crl(const DcapService *service, DcapHttp *http, const DcapPlatformId *id, json_t *out,
                              GError **error) {
  g_auto(DcapHttpReply) reply = {0};
  g_autofree char *url =
      g_strdup_printf("%s/sgx" API_VERSION "/pckcrl?ca=%s&encoding=der", service->base, id->authority);
  return get(http, url, &reply, error) && set_crl(out, "pck_crl", reply.body, error) &&
         set_chain(out, "pck_crl_issuer_chain", &reply, "sgx-pck-crl-issuer-chain", NULL, error);
}

static const char *tee_path(const DcapPlatformId *id) { return id->tee == TEE_TDX ? "tdx" : "sgx"; }

static gboolean fetch_tcb_info(const DcapService *service, DcapHttp *http, const DcapPlatformId *id, json_t *out,
                               GError **error) {
  g_auto(DcapHttpReply) reply = {0};
  g_autofree char *hex = hex_encode(id->fmspc, sizeof id->fmspc);
  g_autofree char *fmspc = g_ascii_strup(hex, -1);
  g_autofree char *url = g_strdup_printf("%s/%s" API_VERSION "/tcb?fmspc=%s", service->base, tee_path(id), fmspc);
  return get(http, url, &reply, error) && set_document(out, "tcb_info", &reply, "tcbInfo", error) &&
         set_chain(out, "tcb_info_issuer_chain", &reply, "sgx-tcb-info-issuer-chain", "tcb-info-issuer-chain", error);
}

static gboolean fetch_qe_identity(const DcapService *service, DcapHttp *http, const DcapPlatformId *id, json_t *out,
                                  GError **error) {
  g_auto(DcapHttpReply) reply = {0};
  g_autofree char *url =
      g_strdup_printf("%s/%s" API_VERSION "/qe/identity?update=standard", service->base, tee_path(id));
  return get(http, url, &reply, error) && set_document(out, "qe_identity", &reply, "enclaveIdentity", error) &&
         set_chain(out, "qe_identity_issuer_chain", &reply, "sgx-enclave-identity-issuer-chain", NULL, error);
}

/* Intel's service has no root list; it is where the root itself says. Nothing in an answer decides who is asked. */
static gboolean fetch_root_crl(const DcapService *service, DcapHttp *http, X509 *root, json_t *out, GError **error) {
  g_auto(DcapHttpReply) reply = {0};
  g_autoptr(GError) why = NULL;
  if (!service->is_intel) {
    g_autofree char *url = g_strdup_printf("%s/sgx" API_VERSION "/rootcacrl", service->base);
    if (dcap_http_get(http, url, &reply, &why))
      return set_crl(out, "root_ca_crl", reply.body, error);
  }
  g_autofree char *url = dcap_distribution_point(root);
  if (!url && why)
    return fetch_failed(why, error);
  if (!url) {
    dcap_fail(error, DCAP_COLLATERAL_FETCH, "the trust anchor does not say where its revocation list is");
    return FALSE;
  }
  return get(http, url, &reply, error) && set_crl(out, "root_ca_crl", reply.body, error);
}

char *dcap_service_fetch(const DcapService *service, DcapHttp *http, const DcapPlatformId *id, X509 *root,
                         const char *pck_chain, GError **error) {
  g_autoptr(json_t) out = json_object();
  if (!fetch_pck_crl(service, http, id, out, error) || !fetch_tcb_info(service, http, id, out, error) ||
      !fetch_qe_identity(service, http, id, out, error) || !fetch_root_crl(service, http, root, out, error))
    return NULL;
  if (pck_chain)
    json_object_set_new(out, "pck_certificate_chain", json_string(pck_chain));
  return json_print(out);
}

static void append_hex(GString *url, const char *name, const guint8 *data, gsize len) {
  g_autofree char *lower = hex_encode(data, len), *upper = g_ascii_strup(lower, -1);
  g_string_append_printf(url, "%s=%s", name, upper);
}

/* The service answers with the certificate of the nearest lower level where it has none of the one asked for. */
static gboolean is_level_asked_for(const DcapHttpReply *reply, const DcapPckRequest *request) {
  const char *text = g_hash_table_lookup(reply->headers, "sgx-tcbm");
  guint8 level[TCBM_SIZE];
  if (!text)
    return TRUE;
  return hex_decode_fixed(text, level, sizeof level, NULL) &&
         memcmp(level, request->cpu_svn, sizeof request->cpu_svn) == 0 &&
         memcmp(level + sizeof request->cpu_svn, request->pce_svn, sizeof request->pce_svn) == 0;
}

char *dcap_service_fetch_pck(const DcapService *service, DcapHttp *http, const DcapPckRequest *request,
                             GError **error) {
  g_autoptr(GString) url = g_string_new(service->base);
  g_string_append(url, "/sgx" API_VERSION "/pckcert?");
  append_hex(url, "qeid", request->qe_id, sizeof request->qe_id);
  append_hex(url, "&encrypted_ppid", request->encrypted_ppid, request->encrypted_ppid_len);
  append_hex(url, "&cpusvn", request->cpu_svn, sizeof request->cpu_svn);
  append_hex(url, "&pcesvn", request->pce_svn, sizeof request->pce_svn);
  append_hex(url, "&pceid", request->pce_id, sizeof request->pce_id);
  g_auto(DcapHttpReply) reply = {0};
  if (!get(http, url->str, &reply, error))
    return NULL;
  g_autofree char *issuers = chain_header(&reply, "sgx-pck-certificate-issuer-chain");
  gsize len;
  const char *leaf = g_bytes_get_data(reply.body, &len);
  if (!issuers || !g_utf8_validate_len(leaf, len, NULL))
    malformed("pck certificate", issuers ? "not PEM" : "answer without its issuers", error);
  else if (!is_level_asked_for(&reply, request))
    dcap_fail(error, DCAP_COLLATERAL_FETCH, "the service has no pck certificate of the platform's level");
  else
    return g_strdup_printf("%.*s\n%s", (int)len, leaf, issuers);
  return NULL;
}
