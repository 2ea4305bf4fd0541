//! Asks the agent for the app's identity, an Ethereum account that stays, and a quote, and checks the quote's event log.

use dstack_sdk::dstack_client::DstackClient;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let client = DstackClient::new(None);

    let info = client.info().await?;
    println!("app: {}", info.app_id);

    let key = client
        .get_key(Some("wallet/main".to_string()), Some("ethereum".to_string()))
        .await?;
    #[cfg(feature = "ethereum")]
    {
        let account = dstack_sdk::ethereum::to_account(&key).map_err(|why| anyhow::anyhow!("{why}"))?;
        println!("account: {}", account.address());
    }
    println!("signatures behind the key: {}", key.signature_chain.len());

    let answer = client.get_quote(b"a nonce of the verifier".to_vec()).await?;
    let quote = answer.decode_quote()?;
    let registers = answer.replay_rtmrs()?;
    let explained = registers[&3] == hex::encode(&quote[520..568]);
    println!("event log explains the quote: {explained}");
    Ok(())
}
