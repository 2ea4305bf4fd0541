//! Who signed an app's encryption key.
//!
//! Some signer comes out of every well-formed signature. Compare it with the KMS you trust, or give that in
//! [`VerifyOptions`].

use crate::encrypt_env_vars::trim_hex_prefix;
use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};
use std::time::{SystemTime, UNIX_EPOCH};

const PREFIX: &[u8] = b"dstack-env-encrypt-pubkey:";
const APP_ID_SIZE: usize = 20;
const PUBLIC_KEY_SIZE: usize = 32;
const SIGNATURE_SIZE: usize = 65;
const FUTURE_SKEW_SECONDS: u64 = 60;

/// What a signature must be like to be accepted.
#[derive(Clone, Debug)]
pub struct VerifyOptions {
    /// How old it may be; 300 by default.
    pub max_age_seconds: u64,
    /// The KMS's compressed public key in hex, with or without `0x`. Any other signer is then invalid.
    pub expected_signer: Option<String>,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self {
            max_age_seconds: 300,
            expected_signer: None,
        }
    }
}

/// Returns who signed `public_key` (32 bytes) for the app `app_id` (hex of 20 bytes, with or without `0x`) at `timestamp` (Unix
/// seconds): `0x` and the compressed public key in hex. The signature is the KMS's `signature_v1`.
///
/// `None` if anything is malformed, if the time is more than 300 seconds ago or more than 60 seconds ahead, and if it is not
/// there: an answer of a KMS without it must not turn the check of the time off. For signatures without a time there is
/// [`verify_env_encrypt_public_key_legacy`].
pub fn verify_env_encrypt_public_key(
    public_key: &[u8],
    signature: &[u8],
    app_id: &str,
    timestamp: Option<u64>,
) -> Option<String> {
    verify_env_encrypt_public_key_with(public_key, signature, app_id, timestamp?, &VerifyOptions::default())
}

/// [`verify_env_encrypt_public_key`] with options.
pub fn verify_env_encrypt_public_key_with(
    public_key: &[u8],
    signature: &[u8],
    app_id: &str,
    timestamp: u64,
    options: &VerifyOptions,
) -> Option<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    if !is_timely(timestamp, now, options.max_age_seconds) {
        return None;
    }
    let signer = recover(public_key, signature, app_id, &timestamp.to_be_bytes())?;
    match options.expected_signer.as_deref() {
        Some(expected) if !trim_hex_prefix(expected).eq_ignore_ascii_case(&signer[2..]) => None,
        _ => Some(signer),
    }
}

/// Returns who signed `public_key` in the legacy form, which has no time and can be replayed for ever.
pub fn verify_env_encrypt_public_key_legacy(public_key: &[u8], signature: &[u8], app_id: &str) -> Option<String> {
    recover(public_key, signature, app_id, &[])
}

fn is_timely(timestamp: u64, now: u64, max_age_seconds: u64) -> bool {
    if timestamp > now {
        timestamp - now <= FUTURE_SKEW_SECONDS
    } else {
        now - timestamp <= max_age_seconds
    }
}

fn recover(public_key: &[u8], signature: &[u8], app_id: &str, timestamp: &[u8]) -> Option<String> {
    let app_id = hex::decode(trim_hex_prefix(app_id)).ok()?;
    if app_id.len() != APP_ID_SIZE || public_key.len() != PUBLIC_KEY_SIZE || signature.len() != SIGNATURE_SIZE {
        return None;
    }
    let (rs, v) = signature.split_at(SIGNATURE_SIZE - 1);
    let recovery = match v[0] {
        v @ (0 | 1) => v,
        v @ (27 | 28) => v - 27,
        _ => return None,
    };
    let hash = Keccak256::new()
        .chain_update(PREFIX)
        .chain_update(app_id)
        .chain_update(timestamp)
        .chain_update(public_key);
    let signature = Signature::from_slice(rs).ok()?;
    let signer = VerifyingKey::recover_from_digest(hash, &signature, RecoveryId::from_byte(recovery)?).ok()?;
    Some(format!("0x{}", hex::encode(signer.to_encoded_point(true))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZERO_APP: &str = "0000000000000000000000000000000000000000";
    const LEGACY_SIGNER: &str = "0x0217610d74cbd39b6143842c6d8bc310d79da1d82cc9d17f8876376221eda0c38f";
    const TIMED_APP: &str = "abababababababababababababababababababab";
    const TIMED_SIGNER: &str = "0x031b84c5567b126440995d3ed5aaba0565d71e1834604819ff9c17f5e9d5dd078f";
    const TIMED_AT: u64 = 1_700_000_000;

    fn legacy() -> (Vec<u8>, Vec<u8>) {
        let key = hex::decode("e33a1832c6562067ff8f844a61e51ad051f1180b66ec2551fb0251735f3ee90a").unwrap();
        let signature = hex::decode("8542c49081fbf4e03f62034f13fbf70630bdf256a53032e38465a27c36fd6bed7a5e7111652004aef37f7fd92fbfc1285212c4ae6a6154203a48f5e16cad2cef00").unwrap();
        (key, signature)
    }

    fn timed() -> ([u8; 32], Vec<u8>) {
        let signature = hex::decode("c9e643b59985ab43c0ae4ec75e302d9d7a70abe0212f9928d5fc56563aa56b5415271d9ea4dd8d02125359dae4267d704c374ba72a829bece6e16b5e3cdfc9f600").unwrap();
        ([0xde; 32], signature)
    }

    #[test]
    fn finds_the_legacy_signer() {
        let (key, mut signature) = legacy();
        for app in [ZERO_APP, &format!("0x{ZERO_APP}"), &format!("0X{ZERO_APP}")] {
            let signer = verify_env_encrypt_public_key_legacy(&key, &signature, app);
            assert_eq!(signer.as_deref(), Some(LEGACY_SIGNER));
            signature[64] = 27;
        }
    }

    #[test]
    fn refuses_malformed_input() {
        let (key, signature) = legacy();
        let verify = verify_env_encrypt_public_key_legacy;
        let mut recovery = signature.clone();
        recovery[64] = 2;
        assert_eq!(verify(&key, &[0; 65], ZERO_APP), None);
        assert_eq!(verify(&key, &recovery, ZERO_APP), None);
        assert_eq!(verify(&key, &signature[..64], ZERO_APP), None);
        assert_eq!(verify(&[&key[..], &key[..8]].concat(), &signature, ZERO_APP), None);
        for app in [
            "",
            "zz",
            &ZERO_APP[2..],
            &format!("{ZERO_APP}0011223344556677"),
            &format!("0x0x{ZERO_APP}"),
        ] {
            assert_eq!(verify(&key, &signature, app), None);
        }
    }

    #[test]
    fn finds_the_signer_with_a_time() {
        let (key, signature) = timed();
        let verify = |timestamp, options: &VerifyOptions| {
            verify_env_encrypt_public_key_with(&key, &signature, TIMED_APP, timestamp, options)
        };
        let mut options = VerifyOptions {
            max_age_seconds: u64::MAX,
            expected_signer: Some(TIMED_SIGNER.to_string()),
        };
        assert_eq!(verify(TIMED_AT, &options).as_deref(), Some(TIMED_SIGNER));
        assert_eq!(verify(TIMED_AT + 1, &options), None);
        assert_eq!(verify(TIMED_AT, &VerifyOptions::default()), None);
        options.expected_signer = Some(LEGACY_SIGNER.to_string());
        assert_eq!(verify(TIMED_AT, &options), None);
    }

    #[test]
    fn demands_a_time() {
        let (key, signature) = legacy();
        assert_eq!(verify_env_encrypt_public_key(&key, &signature, ZERO_APP, None), None);
        let (key, signature) = timed();
        assert_eq!(
            verify_env_encrypt_public_key(&key, &signature, TIMED_APP, Some(TIMED_AT)),
            None
        );
    }

    #[test]
    fn bounds_the_time() {
        assert!(is_timely(TIMED_AT, TIMED_AT + 300, 300));
        assert!(!is_timely(TIMED_AT, TIMED_AT + 301, 300));
        assert!(is_timely(TIMED_AT, TIMED_AT - 60, 300));
        assert!(!is_timely(TIMED_AT, TIMED_AT - 61, 300));
        assert!(is_timely(TIMED_AT, TIMED_AT, 0));
        assert!(!is_timely(TIMED_AT, TIMED_AT + 1, 0));
        assert!(!is_timely(u64::MAX, TIMED_AT, 300));
    }
}
