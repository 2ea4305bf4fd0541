/* What the three processes of the KMS say to each other; kms/README.md has the picture and the reasons.
 *
 * Every message is a frame of kms/wire.h. "fixed N" below is N raw bytes, "blob" and "text" carry their length. An
 * answer is WIRE_OK with the fields given, or WIRE_ERROR. A message that is not listed for its channel and phase is
 * refused. */
#pragma once

/* Descriptors that a helper program starts with. The verifier has its lanes from the front at KMS_CHANNEL_FIRST_LANE
 * and up. */
#define KMS_CHANNEL_FRONT 3
#define KMS_CHANNEL_VERIFIER 4
#define KMS_CHANNEL_KEYHOLDER 3
#define KMS_CHANNEL_FIRST_LANE 4

#define KMS_APP_ID_SIZE 20
#define KMS_INSTANCE_ID_SIZE 20
#define KMS_GRANT_SIZE 16
#define KMS_DERIVED_KEY_SIZE 32
#define KMS_RECIPIENT_SIZE 32
/* What the key of a client certificate signs, followed by the X25519 key that root keys shall be sealed to. */
#define KMS_RECIPIENT_LABEL "dstack-kms-handover-recipient-v1:"
#define KMS_IMAGE_HASH_SIZE 32

/* The key holder's third argument, one of both. */
#define KMS_PLAIN_HANDOVER "plain-handover"
#define KMS_SEALED_HANDOVER "sealed-handover"
#define KMS_AUDIT_SYNC "sync-each"
#define KMS_AUDIT_BATCH "sync-batches"

/* Bounds of the fields that vary. */
#define KMS_MAX_DOMAIN 253
#define KMS_MAX_PEM (16 * 1024)
#define KMS_MAX_QUOTE (1024 * 1024)
#define KMS_MAX_EVENT_LOG (10 * 1024 * 1024)
#define KMS_MAX_CERTIFICATE (12 * 1024 * 1024)
#define KMS_MAX_CSR (10 * 1024 * 1024)
#define KMS_MAX_VM_CONFIG (1024 * 1024)
#define KMS_MAX_NAME 1024
#define KMS_MAX_SEALED (8 * 1024)
#define KMS_MAX_ALT_NAMES 64
#define KMS_MAX_BOOTSTRAP_INFO (24 * 1024 * 1024)
#define KMS_MAX_SEALED_REQUEST 4096 /* a whole request of the front to the sealed key holder */

/* Front -> key holder. The first group works until KEYHOLDER_SEAL, the second only after it. */
enum {
  /* -> complete u8, has_root_keys u8, missing text (file names), domain text (stored one, may be ""), bootstrap_info
     text */
  KEYHOLDER_STATE = 1,
  /* Makes fresh keys in memory. Refused when root keys are stored. -> rpc_spki blob, root_spki blob, k256_public fixed
     33 */
  KEYHOLDER_GENERATE,
  /* Makes the key pair that another KMS's root keys are sealed to. Refused when root keys are stored. -> recipient
     fixed 32 */
  KEYHOLDER_RECIPIENT,
  /* sealed blob, ca_spki blob: takes root keys sealed to that recipient into memory, when they are those of this CA.
     -> as KEYHOLDER_GENERATE */
  KEYHOLDER_ADOPT,
  /* domain text, rpc_quote blob, rpc_log blob, rpc_attestation blob, bootstrap_info text (may be ""): builds the certificates and stores
   * everything in one step. -> nothing */
  KEYHOLDER_STORE,
  /* Loads the stored keys. -> rpc_spki blob */
  KEYHOLDER_LOAD,
  /* domain text, rpc_quote blob, rpc_log blob, rpc_attestation blob: issues rpc.crt anew, and CA certificates that end within a year. ->
     nothing */
  KEYHOLDER_REISSUE,
  /* Gives up files and privileges for good. -> root_ca_cert text, temp_ca_cert text, temp_ca_key secret, rpc_cert text,
   * rpc_key secret, k256_public fixed 33 */
  KEYHOLDER_SEAL,

  /* app_id fixed 20 -> public_key fixed 32, signature fixed 65, timestamp u64, signature_v1 fixed 65. The time is the
   * key holder's own, so that the front can't have signatures of another day made. */
  KEYHOLDER_ENV_KEY = 16,
  /* grant fixed 16 -> disk fixed 32, env fixed 32, k256 fixed 32, k256_signature fixed 65 */
  KEYHOLDER_APP_KEYS,
  /* grant fixed 16, recipient fixed 32, signature blob -> sealed blob. The grant must be of KEYHOLDER_GRANT_ROOT, and
   * the signature of the key that it names: what is sealed is of no use to anyone but that KMS. */
  KEYHOLDER_SEALED_ROOT,
  /* grant fixed 16 -> temp_ca_key secret, root_ca_key secret, k256 fixed 32. The reference's way; refused unless the
   * configuration allows it (core.onboard.plain_handover). */
  KEYHOLDER_PLAIN_ROOT,
};

/* Verifier -> key holder, only after sealing. */
enum {
  /* facts (kms/audit_facts.h) -> grant fixed 16. "This CVM was proven and allowed now": good for one KEYHOLDER_APP_KEYS of
   * the facts' app and instance within KMS_GRANT_SECONDS. */
  KEYHOLDER_GRANT = 32,
  /* facts, spki blob, has_organization u8, organization text, common_name text, n_alt_names u8, alt_name
   * text..., server_auth u8, client_auth u8, quote blob, event_log blob, attestation blob, app_info blob (each empty:
   * none), not_before u64, not_after u64 (Unix seconds, 0: not asked for) -> chain: leaf text, app CA text */
  KEYHOLDER_SIGN_LEAF,
  /* facts, spki fixed 91 (P-256, of the client certificate whose evidence verified) -> grant fixed 16. "This is a KMS, proven and
   * allowed now": good for one answer with root keys. */
  KEYHOLDER_GRANT_ROOT,
  /* facts, reason text -> nothing. For the audit log. */
  KEYHOLDER_REFUSAL,
};
#define KMS_GRANT_SECONDS 30
#define KMS_MAX_GRANTS 256

/* Front -> verifier. */
enum {
  /* certificate blob (DER) -> attested u8. Error when evidence is there and does not verify. */
  VERIFIER_CHECK_CERTIFICATE = 64,
  /* certificate blob, vm_config text -> grant fixed 16, gateway_app_id text, os_image_hash fixed 32 */
  VERIFIER_AUTHORIZE_APP,
  /* version u8, csr blob, signature blob, vm_config text -> leaf text, app CA text */
  VERIFIER_SIGN_CERT,
  /* image_hash text, config_hash text (each "", "all" or 64 hex digits) -> nothing */
  VERIFIER_CLEAR_IMAGES,
  /* -> gateway_app_id text, has_chain u8, contract text, chain_id u64, implementation text, rpc_url text */
  VERIFIER_AUTH_INFO,
  /* certificate blob, vm_config text -> grant fixed 16, of KEYHOLDER_GRANT_ROOT */
  VERIFIER_AUTHORIZE_KMS,
  /* certificate blob, vm_config text (of this CVM) -> nothing. The KMS that root keys shall come from: proven, and
   * allowed by the webhook. */
  VERIFIER_JUDGE_SOURCE,
  /* quote blob, event_log text, vm_config text: evidence about this CVM with report data of zeros -> device_id fixed 32,
   * mr_aggregated fixed 32, os_image_hash fixed 32, ppid fixed 16. The first that verifies is kept for the next. */
  VERIFIER_SELF,
  /* -> nothing. Does the webhook allow this KMS? */
  VERIFIER_SELF_ALLOWED,
};

/* Front -> dstack-kms-handover, which asks back on the same channel before it answers. */
enum {
  /* source_url text, vm_config text, recipient fixed 32 -> sealed blob, ca_spki blob */
  HANDOVER_FETCH = 128,
  /* asked back: certificate blob -> nothing, when the source may be asked for keys */
  HANDOVER_JUDGE,
  /* asked back: report_data fixed 64 -> quote blob, event_log blob, of this CVM */
  HANDOVER_QUOTE,
};
#define KMS_PPID_SIZE 16
