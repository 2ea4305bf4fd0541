//! Solana key pairs made of derived keys.

use crate::dstack_client::GetKeyResponse;
use anyhow::{anyhow, Result};
use ed25519_dalek::SigningKey;

/// Makes the pair whose seed is `response`'s key. Its `to_keypair_bytes` are the 64 bytes that Solana's tools keep.
///
/// There is none for TLS keys: what other SDKs once made of them was one pair, known to everybody.
pub fn to_keypair(response: &GetKeyResponse) -> Result<SigningKey> {
    let seed: [u8; 32] = response
        .decode_key()?
        .try_into()
        .map_err(|key: Vec<u8>| anyhow!("expected a key of 32 bytes, got {}", key.len()))?;
    Ok(SigningKey::from_bytes(&seed))
}
