/* Attested identities: the dstack extensions of a certificate, and what it takes to trust one (spec: attestation D). */
#pragma once

#include "crypto/x509.h"
#include "dcap/dcap.h"
#include "ratls/attestation.h"
#include "tdx/app_info.h"
#include "tdx/platform.h"

#include <glib.h>

#define RATLS_OID_QUOTE "1.3.6.1.4.1.62397.1.1"
#define RATLS_OID_EVENT_LOG "1.3.6.1.4.1.62397.1.2"
#define RATLS_OID_APP_ID "1.3.6.1.4.1.62397.1.3"
#define RATLS_OID_USAGE "1.3.6.1.4.1.62397.1.4"
#define RATLS_OID_ATTESTATION "1.3.6.1.4.1.62397.1.8"
#define RATLS_OID_APP_INFO "1.3.6.1.4.1.62397.1.9"

/* How a program judges evidence: collateral, root, time. Made once from configuration; shared between threads. */
typedef struct RatlsVerifier RatlsVerifier;

typedef struct {
  const char *root_ca_path;     /* NULL: Intel's compiled-in root. Else only with allow_external_root */
  gboolean allow_external_root; /* key insecure_allow_external_trust_anchors; warned about at start */
  const char
      *collateral_path; /* a file in the JSON form of spec attestation B.1; re-read when it changes. NULL: a service */
  const char *pccs_url; /* the service; NULL or blank: the environment's PCCS_URL, else Intel's */
  const char *collateral_cache_dir; /* keeps what the service said; NULL: in memory only */
  gboolean insecure_pccs_tls; /* the service's certificate is not checked; what it says is signed by Intel anyway */
  gboolean device_id_of_ppid; /* device ids as newer peers have them; see app_info_set_device_of_ppid() */
  gint64 (*clock)(void);      /* NULL: the system's */
} RatlsVerifierOptions;
/* Reads root and collateral file, so that a mistake shows at start; a service is asked when the first quote comes.
 * Errors: DENIED (a root that is not allowed), and those of reading and parsing. */
RatlsVerifier *ratls_verifier_new(const RatlsVerifierOptions *options, GError **error);
RatlsVerifier *ratls_verifier_ref(RatlsVerifier *verifier);
void ratls_verifier_unref(RatlsVerifier *verifier);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RatlsVerifier, ratls_verifier_unref)

/* Evidence that verified: the quote is genuine, bound to the expected report data, not debug, and its log replays to
 * RTMR3. */
typedef struct {
  Quote *quote;
  TdxEventLog *log;
  char *log_json;             /* the log's text as it was received, or what a versioned attestation makes of it */
  gboolean boot_log_replayed; /* to RTMR0-2 too; always so but for versioned attestations, whose log may be stripped */
  char *config;               /* of a versioned attestation, proven by nothing; NULL otherwise */
  AppInfo *app_info;          /* runtime mode */
  AppInfo *boot_info;         /* boot-time mode; NULL when the log has no boot-mr-done */
  TcbStatus tcb_status;
  GPtrArray *advisory_ids;
  guint8 ppid[16]; /* of the PCK certificate: the platform's own identity */
  gboolean external_root;
} VerifiedEvidence;
void verified_evidence_free(VerifiedEvidence *evidence);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(VerifiedEvidence, verified_evidence_free)

/* B.12: report data first, then DCAP, then the replay of all four registers, then the TD's attributes.
 * Error UNVERIFIED or INVALID with the failure's name. */
VerifiedEvidence *ratls_verify_evidence(RatlsVerifier *verifier, GBytes *quote, const char *log_json, gsize log_len,
                                        const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
/* The same for a versioned attestation. Its boot log may be stripped, so that only RTMR3 must replay. Also
 * NOT_IMPLEMENTED "unsupported tee variant: NAME". */
VerifiedEvidence *ratls_verify_attestation(RatlsVerifier *verifier, const RatlsAttestation *attestation,
                                           const guint8 report_data[TDX_REPORT_DATA_SIZE], GError **error);
/* The evidence inside a certificate, bound to the certificate's own key: the versioned form where there is one, else
 * quote and event log. *out is NULL (and TRUE returned) when the certificate carries none. Errors also INVALID for a
 * quote without log. */
gboolean ratls_verify_certificate(RatlsVerifier *verifier, X509 *cert, VerifiedEvidence **out, GError **error);

/* Whether the certificate has any extension of evidence, in a form known or not. Proves nothing. */
gboolean ratls_cert_carries_evidence(X509 *cert);

/* The app id extension, 20 bytes (error INVALID otherwise); *out NULL when there is none. Trustworthy only under the
 * KMS root, never under the temp CA. */
gboolean ratls_cert_app_id(X509 *cert, GBytes **out, GError **error);
/* The usage extension ("kms:rpc", "app:ca", "app:custom"); *out NULL when there is none. */
gboolean ratls_cert_usage(X509 *cert, char **out, GError **error);

/* The app info extension, as newer peers write and read it: what the issuer knew about the app when it signed.
 * `os_image_hash` is the proven one; NULL: that of the event log. */
GBytes *ratls_app_info_encode(const AppInfo *info, GBytes *os_image_hash);
/* What that extension says. Nothing of it is proven but by the issuer's signature. RTMRs and MRTD are not in it. Errors
 * INVALID. */
AppInfo *ratls_app_info_decode(GBytes *encoded, GError **error);
/* *out is NULL when the certificate has no such extension. */
gboolean ratls_cert_app_info(X509 *cert, AppInfo **out, GError **error);

/* A quote of `platform` bound to a P-256 key, and the event log (JSON text) that replays to it: what the certificates
 * and requests of that key carry. New references. */
gboolean ratls_take_evidence(TdxPlatform *platform, EVP_PKEY *key, GBytes **quote, GBytes **event_log, GError **error);

/* The same evidence as a versioned attestation, with the configuration the guest was started with (NULL: none). */
RatlsAttestation *ratls_take_attestation(TdxPlatform *platform, EVP_PKEY *key, const char *config, GError **error);

/* A self-made client certificate for `key`: evidence of `platform` bound to it, subject "RA-TLS TEMP Cert", signed by
 * the KMS's public temp CA (spec: kms 9). */
X509 *ratls_temp_certificate(TdxPlatform *platform, EVP_PKEY *key, X509 *temp_ca, EVP_PKEY *temp_ca_key,
                             GError **error);
