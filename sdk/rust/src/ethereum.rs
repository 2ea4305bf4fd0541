//! Ethereum accounts made of derived keys.

use crate::dstack_client::GetKeyResponse;
use alloy::signers::local::PrivateKeySigner;
use std::error::Error;

/// Makes the account whose key is `response`'s.
///
/// There is none for TLS keys: what other SDKs once made of them was one account, known to everybody.
pub fn to_account(response: &GetKeyResponse) -> Result<PrivateKeySigner, Box<dyn Error>> {
    let key = response.decode_key()?;
    Ok(PrivateKeySigner::from_slice(&key)?)
}
