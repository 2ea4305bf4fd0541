//! The interop round of a Rust SDK: uses all of it once and prints what it got. What differs between the SDKs is in `sdk.rs`.

mod sdk;

use anyhow::{Context, Result};
use dstack_sdk::dstack_client::{DstackClient, GetKeyResponse, GetQuoteResponse, TlsKeyConfig};
use dstack_sdk::ethereum::to_account;
use dstack_sdk::tappd_client::TappdClient;
use serde_json::{json, Map, Value};

struct Round {
    client: DstackClient,
    tappd: TappdClient,
    inputs: Value,
    out: Map<String, Value>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let path = std::env::var("INTEROP_INPUTS")?;
    let mut round = Round {
        client: DstackClient::new(None),
        tappd: TappdClient::new(None),
        inputs: serde_json::from_str(&std::fs::read_to_string(path)?)?,
        out: Map::new(),
    };
    round.put("sdk", sdk::NAME);
    round.info().await?;
    round.keys().await?;
    round.tls_keys().await?;
    round.quote().await?;
    round.event().await?;
    round.legacy().await?;
    round.offline()?;
    round.newer().await?;
    println!("{}", Value::Object(round.out));
    Ok(())
}

fn registers(quote: &[u8]) -> Vec<String> {
    quote[376..568].chunks(48).map(hex::encode).collect()
}

fn replayed(quote: &GetQuoteResponse) -> Result<Vec<String>> {
    Ok(quote.replay_rtmrs()?.into_values().collect())
}

impl Round {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.out.insert(name.to_string(), value.into());
    }

    async fn info(&mut self) -> Result<()> {
        let info = self.client.info().await?;
        let tcb = info.tcb_info;
        for (name, value) in [
            ("app_id", info.app_id),
            ("instance_id", info.instance_id),
            ("app_name", info.app_name),
            ("device_id", info.device_id),
            ("mr_aggregated", info.mr_aggregated),
            ("os_image_hash", info.os_image_hash),
            ("compose_hash", info.compose_hash),
            ("key_provider_info", info.key_provider_info),
            ("vm_config", info.vm_config),
            ("mrtd", tcb.mrtd),
            ("rtmr0", tcb.rtmr0),
            ("rtmr1", tcb.rtmr1),
            ("rtmr2", tcb.rtmr2),
            ("rtmr3", tcb.rtmr3),
            ("app_compose", tcb.app_compose),
        ] {
            self.put(&format!("info.{name}"), value);
        }
        Ok(())
    }

    async fn key(&self, path: &str, purpose: &str) -> Result<GetKeyResponse> {
        let (path, purpose) = (path.to_string(), purpose.to_string());
        self.client.get_key(Some(path), Some(purpose)).await
    }

    async fn keys(&mut self) -> Result<()> {
        let default = self.client.get_key(None, None).await?;
        self.put("key.default", default.key);
        for (name, path, purpose) in [
            ("key.wallet", "test/wallet", "ethereum"),
            ("key.signing", "test/signing", "solana"),
        ] {
            let key = self.key(path, purpose).await?;
            self.put(name, key.key);
            self.put(&format!("{name}.chain"), key.signature_chain);
        }
        let alice = self.key("user/alice", "mainnet").await?;
        self.put("key.alice", alice.key);
        let account = to_account(&self.key("eth/test", "wallet").await?).map_err(|why| anyhow::anyhow!("{why}"))?;
        self.put("ethereum.address", account.address().to_string().to_lowercase());
        let solana = sdk::solana_public_key(&self.key("sol/test", "wallet").await?)?;
        self.put("solana.public_key", solana);
        let (key, chain) = match sdk::key_with_algorithm(&self.client, "/", "test", "ed25519").await {
            Some(answer) => answer.map(|key| (json!(key.key), json!(key.signature_chain)))?,
            None => (Value::Null, Value::Null),
        };
        self.put("key.ed25519", key);
        self.put("key.ed25519.chain", chain);
        let refused = sdk::key_with_algorithm(&self.client, "/", "", "no-such-algorithm").await;
        let names_cause = refused.map(|answer| answer.is_err_and(|why| format!("{why:#}").contains("algorithm")));
        self.put("error.names_cause", names_cause);
        Ok(())
    }

    async fn tls_keys(&mut self) -> Result<()> {
        let config = || {
            TlsKeyConfig::builder()
                .subject("interop.example")
                .alt_names(vec!["a.interop.example".to_string(), "b.interop.example".to_string()])
                .build()
        };
        let first = self.client.get_tls_key(config()).await?;
        let second = self.client.get_tls_key(config()).await?;
        self.put("tls.pem", first.key.starts_with("-----BEGIN PRIVATE KEY-----"));
        self.put("tls.chain_length", first.certificate_chain.len());
        self.put("tls.fresh", first.key != second.key);
        Ok(())
    }

    async fn quote(&mut self) -> Result<()> {
        let answer = self.client.get_quote(b"interop".to_vec()).await?;
        let quote = answer.decode_quote()?;
        self.put("quote.report_data", hex::encode(&quote[568..632]));
        self.put("quote.rtmrs", registers(&quote));
        self.put("quote.replayed", replayed(&answer)?);
        let events: Vec<String> = answer
            .decode_event_log()?
            .into_iter()
            .map(|event| event.event)
            .collect();
        self.put("quote.events", events);
        self.put("quote.vm_config", answer.vm_config);
        let refused = self.client.get_quote(vec![0; 65]).await.is_err();
        self.put("quote.refuses_65", refused);
        Ok(())
    }

    async fn event(&mut self) -> Result<()> {
        let payload = b"test payload".to_vec();
        self.client.emit_event("test-event".to_string(), payload).await?;
        let answer = self.client.get_quote(b"interop".to_vec()).await?;
        let last = answer.decode_event_log()?.pop().context("there is no event log")?;
        let last = json!({"event": last.event, "event_payload": last.event_payload, "digest": last.digest});
        self.put("event.last", last);
        let replayed = replayed(&answer)?;
        let matches = replayed[3] == registers(&answer.decode_quote()?)[3];
        self.put("event.replayed", replayed[3].clone());
        self.put("event.matches", matches);
        let refused = self.client.emit_event(String::new(), Vec::new()).await.is_err();
        self.put("event.refuses_empty", refused);
        Ok(())
    }

    async fn legacy(&mut self) -> Result<()> {
        let scalar = self.tappd.derive_key("/").await?.decode_key()?;
        self.put("tappd.scalar", hex::encode(scalar));
        let raw = self.tappd.get_quote((0..64).collect()).await?.decode_quote()?;
        self.put("tappd.raw_report_data", hex::encode(&raw[568..632]));
        let hashed = sdk::hashed_quote(&self.tappd, b"test").await?;
        self.put(
            "tappd.sha256_report_data",
            hashed.map(|quote| hex::encode(&quote[568..632])),
        );
        let info = self.tappd.info().await?;
        self.put("tappd.app_id", info.app_id);
        Ok(())
    }

    fn offline(&mut self) -> Result<()> {
        let entries = self.inputs["compose"].as_array().context("no compose")?.clone();
        for entry in entries {
            let name = entry["name"].as_str().context("no name")?;
            let hash = sdk::compose_hash(&entry["compose"], entry["normalize"] == true)?;
            self.put(&format!("compose.{name}"), hash);
        }
        let env = &self.inputs["env"];
        let encrypted = sdk::encrypt(&env["variables"], env["public_key"].as_str().context("no key")?)?;
        let signer = &self.inputs["env_signer"];
        let text = |name: &str| signer[name].as_str().context("an input is missing");
        let key = hex::decode(text("public_key")?)?;
        let found = sdk::signer(&key, &hex::decode(text("signature")?)?, text("app_id")?);
        let invalid = sdk::signer(&key, &[0; 65], text("app_id")?);
        self.put("env.encrypted", encrypted);
        self.put("env.signer", found.flatten());
        self.put("env.signer_invalid", invalid.map(|signer| signer.is_none()));
        Ok(())
    }

    async fn newer(&mut self) -> Result<()> {
        let message = b"test message".to_vec();
        for algorithm in ["ed25519", "secp256k1"] {
            let signed = self.client.sign(algorithm, message.clone()).await?;
            self.put(&format!("sign.{algorithm}.public_key"), signed.public_key);
            self.put(&format!("sign.{algorithm}"), signed.signature);
        }
        let signed = self.client.sign("ed25519", message.clone()).await?;
        for (name, data) in [
            ("sign.verified", message),
            ("sign.verified_other", b"other message".to_vec()),
        ] {
            let (signature, key) = (signed.decode_signature()?, signed.decode_public_key()?);
            let verdict = self.client.verify("ed25519", data, signature, key).await?;
            self.put(name, verdict.valid);
        }
        let version = self.client.version().await?;
        self.put("version.version", version.version);
        let attestation = self.client.attest(b"interop".to_vec()).await?.decode_attestation()?;
        self.put("attest.length_over_0", !attestation.is_empty());
        let gpu = sdk::gpu_info(&self.client).await?;
        self.put("gpu_info", gpu);
        Ok(())
    }
}
