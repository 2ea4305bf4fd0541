//! What the published SDK has not, or has otherwise. `None` where there is no such function.

use anyhow::Result;
use dstack_sdk::compose_hash::get_compose_hash;
use dstack_sdk::dstack_client::{DstackClient, GetKeyResponse};
use dstack_sdk::encrypt_env_vars::{encrypt_env_vars, EnvVar};
use dstack_sdk::solana::to_keypair;
use dstack_sdk::tappd_client::{QuoteHashAlgorithm, TappdClient};
use dstack_sdk::verify_env_encrypt_public_key::verify_env_encrypt_public_key_legacy;
use serde_json::Value;

pub const NAME: &str = "sdk/rust";

pub async fn key_with_algorithm(
    client: &DstackClient,
    path: &str,
    purpose: &str,
    algorithm: &str,
) -> Option<Result<GetKeyResponse>> {
    let (path, purpose) = (path.to_string(), purpose.to_string());
    Some(
        client
            .get_key_with_algorithm(Some(path), Some(purpose), algorithm)
            .await,
    )
}

pub fn solana_public_key(key: &GetKeyResponse) -> Result<Option<String>> {
    Ok(Some(hex::encode(to_keypair(key)?.verifying_key().as_bytes())))
}

pub async fn hashed_quote(client: &TappdClient, data: &[u8]) -> Result<Option<Vec<u8>>> {
    let answer = client.tdx_quote(data.to_vec(), QuoteHashAlgorithm::Sha256).await?;
    Ok(Some(answer.decode_quote()?))
}

pub fn compose_hash(compose: &Value, normalize: bool) -> Result<Option<String>> {
    get_compose_hash(compose, normalize).map(Some)
}

pub fn encrypt(variables: &Value, public_key: &str) -> Result<Option<String>> {
    let variables: Vec<EnvVar> = serde_json::from_value(variables.clone())?;
    encrypt_env_vars(&variables, public_key).map(Some)
}

pub fn signer(key: &[u8], signature: &[u8], app_id: &str) -> Option<Option<String>> {
    Some(verify_env_encrypt_public_key_legacy(key, signature, app_id))
}

pub async fn gpu_info(client: &DstackClient) -> Result<Option<String>> {
    Ok(Some(client.gpu_info().await?.attestation))
}
