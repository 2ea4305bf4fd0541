//! Asks the legacy service for a TLS key and a quote.

use dstack_sdk::tappd_client::TappdClient;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = TappdClient::new(None);

    let key = client.derive_key("my-app").await?;
    println!("scalar of {} bytes", key.decode_key()?.len());
    println!("certificates: {}", key.certificate_chain.len());

    let quote = client.get_quote(vec![0; 64]).await?;
    println!("registers replayed: {}", quote.replay_rtmrs()?.len());
    Ok(())
}
