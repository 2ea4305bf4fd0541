//! The published SDK has none of these functions.

use anyhow::Result;
use dstack_sdk::dstack_client::{DstackClient, GetKeyResponse};
use dstack_sdk::tappd_client::TappdClient;
use serde_json::Value;

pub const NAME: &str = "dstack-sdk 0.1.3";

pub async fn key_with_algorithm(_: &DstackClient, _: &str, _: &str, _: &str) -> Option<Result<GetKeyResponse>> {
    None
}

pub fn solana_public_key(_: &GetKeyResponse) -> Result<Option<String>> {
    Ok(None)
}

pub async fn hashed_quote(_: &TappdClient, _: &[u8]) -> Result<Option<Vec<u8>>> {
    Ok(None)
}

pub fn compose_hash(_: &Value, _: bool) -> Result<Option<String>> {
    Ok(None)
}

pub fn encrypt(_: &Value, _: &str) -> Result<Option<String>> {
    Ok(None)
}

pub fn signer(_: &[u8], _: &[u8], _: &str) -> Option<Option<String>> {
    None
}

pub async fn gpu_info(_: &DstackClient) -> Result<Option<String>> {
    Ok(None)
}
