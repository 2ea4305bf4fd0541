/* libdstack-sdk: the client of the dstack guest agent, for apps in confidential VMs.
 *
 *   dstack_client *client = dstack_client_new(NULL);
 *   dstack_key key;
 *   dstack_error error;
 *   if (dstack_get_key(client, "wallet/main", "ethereum", NULL, &key, &error) != DSTACK_OK)
 *     errx(1, "%s", error.message);
 *   ...
 *   dstack_key_clear(&key);
 *   dstack_client_free(client);
 *
 * Results. A function that can fail returns DSTACK_OK or what kind of failure it was, and fills `error`, which may be
 * NULL. Its result is written only on success; then the caller owns it and ends it with the `_clear` function of its
 * type, which wipes secrets. A result needs no initialization, and clearing one that is all zero does nothing.
 *
 * Strings are UTF-8 and end with NUL; none is NULL in a result. Bytes that JSON carries as hex are plain bytes here.
 *
 * Threads. A client serves one thread at a time; different clients are independent.
 */
#ifndef DSTACK_DSTACK_H
#define DSTACK_DSTACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DSTACK_API __attribute__((visibility("default")))

#define DSTACK_REPORT_DATA_SIZE 64
#define DSTACK_RTMR_COUNT 4
#define DSTACK_RTMR_SIZE 48

/* --- errors --- */

typedef enum {
  DSTACK_OK = 0,
  DSTACK_INVALID,     /* an argument, or text given to be parsed */
  DSTACK_UNREACHABLE, /* no connection to the agent */
  DSTACK_TIMEOUT,     /* no answer in time */
  DSTACK_REFUSED,     /* the agent answered an error: http_status and the message tell which */
  DSTACK_MALFORMED,   /* the agent's answer is not what it should be */
  DSTACK_UNSUPPORTED, /* the agent is too old for what was asked */
  DSTACK_UNVERIFIED,  /* a signature, a digest or a time does not hold */
  DSTACK_NO_MEMORY,
} dstack_status;

typedef struct {
  dstack_status status;
  int http_status;   /* 0 when there was no answer */
  char message[512]; /* for people: the method, the status, the agent's own text */
} dstack_error;

/* --- values --- */

typedef struct {
  uint8_t *data; /* NULL when size is 0 */
  size_t size;
} dstack_bytes;

typedef struct {
  dstack_bytes *items;
  size_t count;
} dstack_bytes_list;

typedef struct {
  char **items;
  size_t count;
} dstack_strings;

DSTACK_API void dstack_bytes_clear(dstack_bytes *bytes);
DSTACK_API void dstack_bytes_list_clear(dstack_bytes_list *list);
DSTACK_API void dstack_strings_clear(dstack_strings *strings);
/* Wipes and frees text that a function of this library returned. */
DSTACK_API void dstack_string_free(char *text);

/* --- clients --- */

typedef struct dstack_client dstack_client;

/* `endpoint` is an http or https URL, or the path of a unix socket. NULL: the environment variable
 * DSTACK_SIMULATOR_ENDPOINT if it is set and not empty, else the first of /var/run/dstack.sock, /run/dstack.sock,
 * /var/run/dstack/dstack.sock and /run/dstack/dstack.sock that exists, else the first. Proxies of the environment are
 * not used. Does no I/O. Returns NULL only without memory. */
DSTACK_API dstack_client *dstack_client_new(const char *endpoint);
/* A client of the legacy service, for the functions dstack_tappd_*: TAPPD_SIMULATOR_ENDPOINT, tappd.sock. */
DSTACK_API dstack_client *dstack_tappd_client_new(const char *endpoint);
/* NULL is fine. */
DSTACK_API void dstack_client_free(dstack_client *client);
/* How long a call may take, in milliseconds; 30000 unless set. 0 means that again. */
DSTACK_API void dstack_client_set_timeout_ms(dstack_client *client, unsigned timeout_ms);
/* The endpoint in use, owned by the client. */
DSTACK_API const char *dstack_client_endpoint(const dstack_client *client);
/* TRUE when the agent answers its info method within 500 ms. */
DSTACK_API bool dstack_is_reachable(dstack_client *client);

/* --- keys --- */

typedef struct {
  uint8_t key[32];
  dstack_bytes_list signature_chain; /* the app's signature of the key, the KMS's of the app: 65 bytes each */
} dstack_key;
DSTACK_API void dstack_key_clear(dstack_key *key);

/* Derives the app's key for `path`: the same path gives the same key wherever and whenever the app runs.
 *
 * NULL for `path` or `purpose` means "". The key does not depend on `purpose`, which only enters the signature.
 * `algorithm` says what the bytes are signed as, and does not change them either: "secp256k1" (also NULL and ""; alias
 * "k256") or "ed25519". Use a path of its own for every algorithm. Any but the default and its alias needs an agent of
 * 0.5.7 or later; an older one, which would ignore it, is DSTACK_UNSUPPORTED. */
DSTACK_API dstack_status dstack_get_key(dstack_client *client, const char *path, const char *purpose,
                                        const char *algorithm, dstack_key *key, dstack_error *error);

typedef struct {
  const char *subject;          /* common name; NULL: "" */
  const char *const *alt_names; /* subject alternative names */
  size_t alt_name_count;
  bool usage_ra_tls;          /* the certificate carries the app's attestation */
  bool no_server_auth;        /* the certificate is not for TLS servers; by default it is */
  bool usage_client_auth;     /* the certificate is for TLS clients */
  bool with_app_info;         /* the certificate names the app. This and the bounds need an agent of 0.5.7 or later */
  const uint64_t *not_before; /* Unix seconds; NULL: the agent's choice */
  const uint64_t *not_after;
} dstack_tls_key_options;

typedef struct {
  char *key;                        /* PKCS#8 PEM */
  dstack_strings certificate_chain; /* PEM, leaf first */
} dstack_tls_key;
DSTACK_API void dstack_tls_key_clear(dstack_tls_key *key);

/* Makes a new P-256 key and has it certified; every call gives another one. NULL options mean all zero. */
DSTACK_API dstack_status dstack_get_tls_key(dstack_client *client, const dstack_tls_key_options *options,
                                            dstack_tls_key *key, dstack_error *error);
/* The private scalar of a TLS key. The start of its DER form, in contrast, is the same for every key: no secret, and
 * never to be used as one. */
DSTACK_API dstack_status dstack_tls_key_scalar(const dstack_tls_key *key, uint8_t scalar[32], dstack_error *error);

/* --- attestation --- */

typedef struct {
  dstack_bytes quote;
  char *event_log; /* JSON text, for dstack_replay_rtmrs() */
  uint8_t report_data[DSTACK_REPORT_DATA_SIZE];
  char *vm_config;          /* JSON text */
  dstack_bytes attestation; /* on platforms without TDX quotes; else usually empty */
} dstack_quote;
DSTACK_API void dstack_quote_clear(dstack_quote *quote);

/* A TDX quote over at most 64 bytes, which the agent pads with zeros on the right. */
DSTACK_API dstack_status dstack_get_quote(dstack_client *client, const void *report_data, size_t size,
                                          dstack_quote *quote, dstack_error *error);
/* A versioned attestation, of whatever platform the app runs on, over at most 64 bytes. */
DSTACK_API dstack_status dstack_attest(dstack_client *client, const void *report_data, size_t size,
                                       dstack_bytes *attestation, dstack_error *error);
/* What was found out about the GPUs at boot, "" when there are none. To check it, verify a quote, replay RTMR3, and
 * compare the SHA-256 of the exact string with evidence_sha256 in the payload of the event gpu-attestation. */
DSTACK_API dstack_status dstack_gpu_info(dstack_client *client, char **attestation, dstack_error *error);
/* Extends RTMR3 with an event, for good. */
DSTACK_API dstack_status dstack_emit_event(dstack_client *client, const char *event, const void *payload, size_t size,
                                           dstack_error *error);

/* Computes the registers that an event log (JSON text) leads to. Digests of dstack's own events are computed from their
 * names and payloads; DSTACK_UNVERIFIED when one that is given differs. The result proves nothing unless it equals the
 * registers of a quote whose signature was verified. */
DSTACK_API dstack_status dstack_replay_rtmrs(const char *event_log,
                                             uint8_t registers[DSTACK_RTMR_COUNT][DSTACK_RTMR_SIZE],
                                             dstack_error *error);

/* --- information --- */

typedef struct {
  char *mrtd, *rtmr0, *rtmr1, *rtmr2, *rtmr3, *mr_aggregated, *os_image_hash, *compose_hash, *device_id; /* hex */
  char *app_compose; /* the file as deployed */
  char *event_log;   /* JSON text, for dstack_replay_rtmrs() */
} dstack_tcb_info;

typedef struct {
  char *app_id, *instance_id, *device_id, *mr_aggregated, *os_image_hash, *compose_hash; /* hex */
  char *app_name;
  char *app_cert;          /* PEM chain, or "" */
  char *key_provider_info; /* JSON text */
  char *vm_config;         /* JSON text */
  char *cloud_vendor, *cloud_product;
  dstack_tcb_info tcb_info; /* all "" when the agent does not tell */
} dstack_info;
DSTACK_API void dstack_info_clear(dstack_info *info);

/* What the app is and what it runs on. Nothing in it is proven: that takes a quote. */
DSTACK_API dstack_status dstack_get_info(dstack_client *client, dstack_info *info, dstack_error *error);

typedef struct {
  char *version;
  char *revision;
} dstack_version;
DSTACK_API void dstack_version_clear(dstack_version *version);

/* Agents older than 0.5.7 lack the method: DSTACK_REFUSED. */
DSTACK_API dstack_status dstack_get_version(dstack_client *client, dstack_version *version, dstack_error *error);

/* --- signatures with a key that stays in the agent --- */

typedef struct {
  dstack_bytes signature;            /* 64 bytes */
  dstack_bytes public_key;           /* 32 bytes for ed25519, else 33: compressed */
  dstack_bytes_list signature_chain; /* the signature, the app's of the signing key, the KMS's of the app */
} dstack_signature;
DSTACK_API void dstack_signature_clear(dstack_signature *signature);

/* `algorithm` is "ed25519", "secp256k1" (of the data's SHA-256; alias "k256"), or "secp256k1_prehashed", for which the
 * data must be a 32-byte digest. */
DSTACK_API dstack_status dstack_sign(dstack_client *client, const char *algorithm, const void *data, size_t size,
                                     dstack_signature *signature, dstack_error *error);
/* Has the agent check a signature with the key given, which proves nothing about whose key that is. */
DSTACK_API dstack_status dstack_verify(dstack_client *client, const char *algorithm, const void *data, size_t size,
                                       const void *signature, size_t signature_size, const void *public_key,
                                       size_t public_key_size, bool *valid, dstack_error *error);

/* --- accounts --- */

/* Accounts are made of derived keys alone. What other SDKs once made of TLS keys was one account, known to everybody.
 */

typedef struct {
  uint8_t private_key[32];
  uint8_t public_key[65]; /* uncompressed */
  uint8_t address[20];
  char address_text[43]; /* 0x and the checksum capitals of EIP-55 */
} dstack_ethereum_account;
DSTACK_API void dstack_ethereum_account_clear(dstack_ethereum_account *account);
/* DSTACK_INVALID for the few keys that are no scalar of the curve. */
DSTACK_API dstack_status dstack_to_ethereum_account(const dstack_key *key, dstack_ethereum_account *account,
                                                    dstack_error *error);

typedef struct {
  uint8_t secret_key[64]; /* the seed and the public key, as Solana's tools keep it */
  uint8_t public_key[32];
} dstack_solana_keypair;
DSTACK_API void dstack_solana_keypair_clear(dstack_solana_keypair *keypair);
DSTACK_API dstack_status dstack_to_solana_keypair(const dstack_key *key, dstack_solana_keypair *keypair,
                                                  dstack_error *error);

/* --- deploying apps --- */

/* The text and the hex SHA-256 of an app's canonical app-compose.json; `compose` is a JSON object of `size` bytes. With
 * `normalize`, members which the runner does not use are left out first. A guest measures the file as deployed, byte
 * for byte: the hash predicts that only for a file with exactly the canonical text. Integers beyond 2^53 - 1 are
 * DSTACK_INVALID. */
DSTACK_API dstack_status dstack_canonical_compose(const char *compose, size_t size, bool normalize, char **text,
                                                  dstack_error *error);
DSTACK_API dstack_status dstack_get_compose_hash(const char *compose, size_t size, bool normalize, char hash[65],
                                                 dstack_error *error);

typedef struct {
  const char *key;
  const char *value;
} dstack_env_var;

/* Encrypts the variables to an app's encryption key (hex of 32 bytes, with or without 0x); the result is hex. Check the
 * key with dstack_verify_env_encrypt_public_key_with_timestamp() first. Only the app can read the result, but anybody
 * can make one: it does not show who encrypted it. */
DSTACK_API dstack_status dstack_encrypt_env_vars(const dstack_env_var *variables, size_t count, const char *public_key,
                                                 char **encrypted, dstack_error *error);

#define DSTACK_SIGNER_TEXT_SIZE 69 /* 0x, 66 hex digits, NUL */

/* Finds who signed an app's encryption key, in the legacy form, which has no time and can be replayed for ever.
 * `public_key` must have 32 bytes, `signature` 65, `app_id` 40 hex digits with or without 0x; DSTACK_UNVERIFIED if not,
 * or if no key made the signature.
 *
 * Some signer comes out of every well-formed signature. Give the KMS you trust as `expected_signer` (hex of its
 * compressed public key, with or without 0x): any other is DSTACK_UNVERIFIED. With NULL compare `signer` yourself. */
DSTACK_API dstack_status dstack_verify_env_encrypt_public_key(const void *public_key, size_t public_key_size,
                                                              const void *signature, size_t signature_size,
                                                              const char *app_id, const char *expected_signer,
                                                              char signer[DSTACK_SIGNER_TEXT_SIZE],
                                                              dstack_error *error);
/* The same under the name that other SDKs give the legacy form. */
DSTACK_API dstack_status dstack_verify_env_encrypt_public_key_legacy(const void *public_key, size_t public_key_size,
                                                                     const void *signature, size_t signature_size,
                                                                     const char *app_id, const char *expected_signer,
                                                                     char signer[DSTACK_SIGNER_TEXT_SIZE],
                                                                     dstack_error *error);

#define DSTACK_DEFAULT_MAX_AGE_SECONDS 300

/* The same for signatures with a time: the KMS's `signature_v1` and `timestamp` (Unix seconds). DSTACK_UNVERIFIED when
 * that is more than `max_age_seconds` old or more than 60 seconds in the future. */
DSTACK_API dstack_status dstack_verify_env_encrypt_public_key_with_timestamp(
    const void *public_key, size_t public_key_size, const void *signature, size_t signature_size, const char *app_id,
    uint64_t timestamp, uint64_t max_age_seconds, const char *expected_signer, char signer[DSTACK_SIGNER_TEXT_SIZE],
    dstack_error *error);

/* --- the legacy service: clients of dstack_tappd_client_new() --- */

/* Derives the app's TLS key for `path`; NULL or "" as subject means the path. */
DSTACK_API dstack_status dstack_tappd_derive_key(dstack_client *client, const char *path, const char *subject,
                                                 const char *const *alt_names, size_t alt_name_count,
                                                 dstack_tls_key *key, dstack_error *error);
/* A quote over a hash of "app-data:" and the data; `hash_algorithm` is sha256, sha384, sha512 (also NULL and ""),
 * sha3-256, sha3-384, sha3-512, keccak256, keccak384 or keccak512. With "raw", over the data themselves, at most 64
 * bytes, padded with zeros on the left. The result's vm_config is "", its report_data all zero. */
DSTACK_API dstack_status dstack_tappd_tdx_quote(dstack_client *client, const void *report_data, size_t size,
                                                const char *hash_algorithm, dstack_quote *quote, dstack_error *error);
DSTACK_API dstack_status dstack_tappd_get_info(dstack_client *client, dstack_info *info, dstack_error *error);

#ifdef __cplusplus
}
#endif

#endif
