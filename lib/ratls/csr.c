#include "ratls/csr.h"

#include "base/error.h"
#include "crypto/x509.h"
#include "ratls/scale.h"
#include "tdx/report_data.h"

#include <string.h>

#define CONFIRM_WORD "please sign cert:"
#define CSR_MAX_SIZE (ATTESTATION_MAX_SIZE + 1024 * 1024)

void ratls_csr_free(RatlsCsr *csr) {
  if (!csr)
    return;
  g_clear_pointer(&csr->pubkey, g_bytes_unref);
  g_clear_pointer(&csr->quote, g_bytes_unref);
  g_clear_pointer(&csr->event_log, g_bytes_unref);
  g_clear_pointer(&csr->attestation, g_bytes_unref);
  g_strfreev(csr->alt_names);
  g_free(csr->org_name);
  g_free(csr->subject);
  g_free(csr);
}

static void write_bytes(GByteArray *out, GBytes *bytes) {
  scale_write_bytes(out, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
}

static void write_config(GByteArray *out, const RatlsCsr *csr) {
  scale_write_bool(out, csr->org_name != NULL);
  if (csr->org_name)
    scale_write_string(out, csr->org_name);
  scale_write_string(out, csr->subject);
  scale_write_length(out, g_strv_length(csr->alt_names));
  for (char **name = csr->alt_names; *name; name++)
    scale_write_string(out, *name);
  scale_write_bool(out, csr->server_auth);
  scale_write_bool(out, csr->client_auth);
  scale_write_bool(out, csr->ext_quote);
}

static void write_time(GByteArray *out, gboolean given, guint64 seconds) {
  scale_write_bool(out, given);
  const guint64 coded = GUINT64_TO_LE(seconds);
  if (given)
    g_byte_array_append(out, (const guint8 *)&coded, sizeof coded);
}

/* What version 2 adds; the attestation goes without a length, to the end. */
static void write_v2(GByteArray *out, const RatlsCsr *csr) {
  scale_write_bool(out, csr->ext_app_info);
  write_time(out, csr->has_not_before, csr->not_before);
  write_time(out, csr->has_not_after, csr->not_after);
  gsize len;
  const guint8 *attestation = g_bytes_get_data(csr->attestation, &len);
  if (len > 0)
    g_byte_array_append(out, attestation, (guint)len);
}

GBytes *ratls_csr_encode(const RatlsCsr *csr) {
  GByteArray *out = g_byte_array_new();
  scale_write_string(out, CONFIRM_WORD);
  write_bytes(out, csr->pubkey);
  write_config(out, csr);
  if (csr->version == 2) {
    write_v2(out, csr);
  } else {
    write_bytes(out, csr->quote);
    write_bytes(out, csr->event_log);
  }
  return g_byte_array_free_to_bytes(out);
}

static char **read_names(Reader *reader) {
  const gsize count = scale_read_length(reader);
  if (count > CERT_MAX_ALT_NAMES)
    reader_fail(reader);
  g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
  for (gsize i = 0; i < count && reader_ok(reader); i++)
    g_ptr_array_add(names, scale_read_string(reader));
  if (!reader_ok(reader))
    return NULL;
  g_ptr_array_add(names, NULL);
  return (char **)g_ptr_array_free(g_steal_pointer(&names), FALSE);
}

static void read_config(Reader *reader, RatlsCsr *csr) {
  if (scale_read_option(reader))
    csr->org_name = scale_read_string(reader);
  csr->subject = scale_read_string(reader);
  csr->alt_names = read_names(reader);
  csr->server_auth = scale_read_bool(reader);
  csr->client_auth = scale_read_bool(reader);
  csr->ext_quote = scale_read_bool(reader);
}

static guint64 read_time(Reader *reader, gboolean *given) {
  *given = scale_read_option(reader);
  return *given ? reader_u64le(reader) : 0;
}

static void read_v2(Reader *reader, RatlsCsr *csr) {
  csr->ext_app_info = scale_read_bool(reader);
  csr->not_before = read_time(reader, &csr->has_not_before);
  csr->not_after = read_time(reader, &csr->has_not_after);
  const gsize len = reader_remaining(reader);
  const guint8 *attestation = reader_take(reader, len);
  if (attestation)
    csr->attestation = g_bytes_new(attestation, len);
}

/* `confirm` gets the word as it stands there: it is judged after the signature. */
static RatlsCsr *decode(guint version, GBytes *encoded, char **confirm, GError **error) {
  g_autoptr(RatlsCsr) csr = g_new0(RatlsCsr, 1);
  Reader reader = reader_init_bytes(encoded);
  csr->version = version;
  *confirm = scale_read_string(&reader);
  csr->pubkey = scale_read_bytes(&reader);
  read_config(&reader, csr);
  if (version == 2) {
    read_v2(&reader, csr);
  } else {
    csr->quote = scale_read_bytes(&reader);
    csr->event_log = scale_read_bytes(&reader);
  }
  if (!reader_finish(&reader, "certificate request", error))
    return NULL;
  return g_steal_pointer(&csr);
}

static gboolean verify(const RatlsCsr *csr, GBytes *encoded, GBytes *signature, GError **error) {
  g_autoptr(EVP_PKEY) key = p256_from_spki(g_bytes_get_data(csr->pubkey, NULL), g_bytes_get_size(csr->pubkey), error);
  if (!key) {
    g_prefix_error(error, "certificate request: ");
    return FALSE;
  }
  if (p256_verify(key, g_bytes_get_data(encoded, NULL), g_bytes_get_size(encoded), g_bytes_get_data(signature, NULL),
                  g_bytes_get_size(signature)))
    return TRUE;
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_UNVERIFIED, "certificate request: invalid signature");
  return FALSE;
}

RatlsCsr *ratls_csr_open(guint version, GBytes *encoded, GBytes *signature, GError **error) {
  if (version > 2) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "unsupported api version: %u", version);
    return NULL;
  }
  if (g_bytes_get_size(encoded) > CSR_MAX_SIZE) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_TOO_LARGE, "certificate request: over %d bytes", CSR_MAX_SIZE);
    return NULL;
  }
  g_autofree char *confirm = NULL;
  g_autoptr(RatlsCsr) csr = decode(version == 2 ? 2 : 1, encoded, &confirm, error);
  if (!csr || !verify(csr, encoded, signature, error))
    return NULL;
  if (strcmp(confirm, CONFIRM_WORD) != 0) {
    g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_INVALID, "certificate request: invalid confirm word");
    return NULL;
  }
  return g_steal_pointer(&csr);
}

static VerifiedEvidence *no_attestation(GError **error) {
  g_set_error(error, DSTACK_ERROR, DSTACK_ERROR_DENIED, "no attestation provided");
  return NULL;
}

VerifiedEvidence *ratls_csr_verify(RatlsVerifier *verifier, const RatlsCsr *csr, GError **error) {
  guint8 report_data[TDX_REPORT_DATA_SIZE];
  report_data_ratls(csr->pubkey, report_data);
  if (g_bytes_get_size(csr->version == 2 ? csr->attestation : csr->quote) == 0)
    return no_attestation(error);
  if (csr->version == 2) {
    g_autoptr(RatlsAttestation) attestation = ratls_attestation_decode(csr->attestation, error);
    return attestation ? ratls_verify_attestation(verifier, attestation, report_data, error) : NULL;
  }
  gsize len;
  const char *log = g_bytes_get_data(csr->event_log, &len);
  return ratls_verify_evidence(verifier, csr->quote, log ? log : "", len, report_data, error);
}
