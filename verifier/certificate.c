#include "certificate.h"

#include "base/error.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/json.h"
#include "crypto/x509.h"
#include "response.h"

#include <openssl/x509v3.h>
#include <string.h>

#define FILE_MAX_SIZE (2 * CERT_MAX_SIZE)
#define RESULT_MODE 0644
#define TEE_VARIANT "dstack-tdx"

static gboolean refuse(GError **error, const char *why) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "certificate: %s", why);
  return FALSE;
}

static X509 *read_certificate(const char *path, GError **error) {
  g_autoptr(GBytes) content = file_read(path, FILE_MAX_SIZE, error);
  if (!content)
    return NULL;
  gsize len;
  const char *data = g_bytes_get_data(content, &len);
  gboolean is_pem = len > 0 && g_strstr_len(data, (gssize)len, "-----BEGIN CERTIFICATE-----") != NULL;
  return is_pem ? cert_from_pem(data, len, error) : cert_from_der(data, len, error);
}

static gboolean has_alternative_name(X509 *cert) {
  GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  gboolean any = names && sk_GENERAL_NAME_num(names) > 0;
  GENERAL_NAMES_free(names);
  return any;
}

/* The forms of a self-made certificate that a TLS peer would show. */
static gboolean check_form(X509 *cert, GError **error) {
  EVP_PKEY *key = X509_get0_pubkey(cert);
  guint32 usage = X509_get_key_usage(cert), purpose = X509_get_extended_key_usage(cert);
  if (!key || X509_verify(cert, key) != 1)
    return refuse(error, "it is not signed with its own key");
  if (X509_cmp_current_time(X509_get0_notBefore(cert)) >= 0 || X509_cmp_current_time(X509_get0_notAfter(cert)) <= 0)
    return refuse(error, "it is not valid now");
  if (usage == UINT32_MAX || !(usage & KU_DIGITAL_SIGNATURE))
    return refuse(error, "its key usage does not have digitalSignature");
  if (purpose == UINT32_MAX || !(purpose & (XKU_SSL_SERVER | XKU_SSL_CLIENT)))
    return refuse(error, "its extended key usage has neither serverAuth nor clientAuth");
  return has_alternative_name(cert) || refuse(error, "it names no subject alternative name");
}

static gboolean judge(const VerificationContext *context, X509 *cert, Verification *out, GError **error) {
  if (!check_form(cert, error) || !ratls_verify_certificate(context->verifier, cert, &out->evidence, error))
    return FALSE;
  if (!out->evidence)
    return refuse(error, "it carries no attestation");
  out->quote_verified = TRUE;
  /* Whether the image is known is told, and decides nothing here. */
  if (out->evidence->config)
    (void)verify_os_image(context, out->evidence->config, FALSE, out, NULL);
  return TRUE;
}

static json_t *describe_app(const Verification *v) {
  if (!v->evidence || !v->evidence->app_info)
    return json_null();
  static const guint8 unknown[32];
  json_t *app = response_app_info(v->evidence->app_info, v->os_image_hash_verified ? v->os->hash : unknown);
  if (!v->os_image_hash_verified)
    json_object_set_new(app, "os_image_hash", json_null());
  json_object_set_new(app, "os_image_hash_verified", json_boolean(v->os_image_hash_verified));
  return app;
}

static json_t *describe(const Verification *v, X509 *cert) {
  g_autoptr(GBytes) spki = cert ? cert_spki(cert) : NULL;
  g_autofree char *key = spki ? hex_encode_bytes(spki) : NULL;
  g_autofree char *report_data =
      v->evidence ? hex_encode(v->evidence->quote->td.report_data, TDX_REPORT_DATA_SIZE) : NULL;
  json_t *details = json_pack("{s:s?, s:s?, s:s?, s:o}", "tee_variant", v->evidence ? TEE_VARIANT : NULL, "report_data",
                              report_data, "public_key_der", key, "app_info", describe_app(v));
  if (v->evidence)
    json_object_set_new(details, "trust_anchor", json_string(v->evidence->external_root ? "external" : "vendor"));
  return json_pack("{s:b, s:o, s:s?}", "is_valid", v->is_valid, "details", details, "reason", v->reason);
}

static gboolean write_result(const char *path, const char *text, GError **error) {
  g_autofree char *result_path = g_strconcat(path, ".ratls-verification.json", NULL);
  return file_write_atomic(result_path, text, strlen(text), RESULT_MODE, error);
}

int verify_certificate_file(const VerificationContext *context, const char *path) {
  g_auto(Verification) verification = {0};
  g_autoptr(GError) error = NULL;
  g_autoptr(X509) cert = read_certificate(path, &error);
  verification.is_valid = cert && judge(context, cert, &verification, &error);
  if (!verification.is_valid)
    verification.reason = g_strdup(error->message);
  g_clear_error(&error);
  g_autoptr(json_t) verdict = describe(&verification, cert);
  char *text = json_dumps(verdict, JSON_INDENT(2));
  g_print("%s\n", text);
  gboolean written = write_result(path, text, &error);
  free(text);
  if (written)
    return verification.is_valid ? 0 : 1;
  g_printerr("dstack-verifier: %s\n", error->message);
  return 1;
}
