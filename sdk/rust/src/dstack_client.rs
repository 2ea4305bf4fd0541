//! The client of the service on `dstack.sock`.

use crate::transport::{choose_endpoint, shows_old_agent, Transport};
use anyhow::{bail, Result};
pub use dstack_sdk_types::dstack::*;
use serde_json::{json, Value};

const MAX_REPORT_DATA: usize = 64;
const DIGEST_SIZE: usize = 32;

/// What the clients have in common.
pub trait BaseClient {}

/// How a client reaches its agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// By an http or https URL.
    Http,
    /// By a unix socket.
    Unix,
}

/// Calls the guest agent of dstack.
///
/// Every method fails unless the agent answered with status 200 and without an error text; an answer that is not a success
/// is an [`RpcError`](crate::RpcError) in the error. A call takes at most 30 seconds.
pub struct DstackClient {
    transport: Transport,
}

impl BaseClient for DstackClient {}

impl DstackClient {
    /// Returns a client, without any I/O.
    ///
    /// `endpoint` is an http or https URL, or the path of a unix socket. Without it the environment variable
    /// `DSTACK_SIMULATOR_ENDPOINT` counts if it is not empty, else `/var/run/dstack.sock` or where else that socket is.
    pub fn new(endpoint: Option<&str>) -> Self {
        let endpoint = choose_endpoint(endpoint, "DSTACK_SIMULATOR_ENDPOINT", "dstack.sock");
        let transport = Transport::new(endpoint);
        Self { transport }
    }

    /// How the agent is reached.
    pub fn kind(&self) -> ClientKind {
        if self.transport.is_unix() {
            ClientKind::Unix
        } else {
            ClientKind::Http
        }
    }

    /// The URL or socket in use.
    pub fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    /// Derives the app's key for `path`: the same path gives the same key wherever and whenever the app runs.
    ///
    /// The key does not depend on `purpose`, which only enters the signature.
    pub async fn get_key(&self, path: Option<String>, purpose: Option<String>) -> Result<GetKeyResponse> {
        self.get_key_with_algorithm(path, purpose, "").await
    }

    /// [`get_key`](Self::get_key) for `secp256k1` (the default, alias `k256`) or `ed25519`.
    ///
    /// The algorithm says what the bytes are signed as and does not change them: use a path of its own for each. Any but the
    /// default and its alias needs an agent of 0.5.7 or later and is refused with an older one, which would ignore it.
    pub async fn get_key_with_algorithm(
        &self,
        path: Option<String>,
        purpose: Option<String>,
        algorithm: &str,
    ) -> Result<GetKeyResponse> {
        let mut request = json!({
            "path": path.unwrap_or_default(),
            "purpose": purpose.unwrap_or_default(),
        });
        if !matches!(algorithm, "" | "secp256k1") {
            if algorithm != "k256" {
                self.require_version(&format!("algorithm {algorithm:?} is")).await?;
            }
            request["algorithm"] = algorithm.into();
        }
        self.transport.call("/GetKey", &request).await
    }

    /// Returns a TDX quote over 1 to 64 bytes, which the agent pads with zeros on the right.
    pub async fn get_quote(&self, report_data: Vec<u8>) -> Result<GetQuoteResponse> {
        check_report_data(&report_data)?;
        let request = json!({ "report_data": hex::encode(report_data) });
        self.transport.call("/GetQuote", &request).await
    }

    /// Returns a versioned attestation, of whatever platform the app runs on, over 1 to 64 bytes.
    pub async fn attest(&self, report_data: Vec<u8>) -> Result<AttestResponse> {
        check_report_data(&report_data)?;
        let request = json!({ "report_data": hex::encode(report_data) });
        self.transport.call("/Attest", &request).await
    }

    /// Returns what was found out about the GPUs at boot.
    ///
    /// To check it, verify a quote, replay RTMR3, and compare the SHA-256 of the exact string with `evidence_sha256` in the
    /// payload of the event `gpu-attestation`.
    pub async fn gpu_info(&self) -> Result<GpuInfoResponse> {
        self.transport.call("/GpuInfo", &json!({})).await
    }

    /// Returns what the app is and what it runs on. Nothing in it is proven: that takes a quote.
    pub async fn info(&self) -> Result<InfoResponse> {
        let answer: Value = self.transport.call("/Info", &json!({})).await?;
        Ok(InfoResponse::validated_from_value(answer)?)
    }

    /// Tells whether the agent answers [`info`](Self::info) within half a second.
    pub async fn is_reachable(&self) -> bool {
        self.transport.is_reachable("/Info").await
    }

    /// Extends RTMR3 with an event, for good.
    pub async fn emit_event(&self, event: String, payload: Vec<u8>) -> Result<()> {
        if event.is_empty() {
            bail!("event name cannot be empty");
        }
        let request = json!({ "event": event, "payload": hex::encode(payload) });
        self.transport.call("/EmitEvent", &request).await
    }

    /// Makes a new TLS key and has it certified. Every call gives another key; for keys that stay use
    /// [`get_key`](Self::get_key).
    pub async fn get_tls_key(&self, tls_key_config: TlsKeyConfig) -> Result<GetTlsKeyResponse> {
        let names = new_options(&tls_key_config);
        if !names.is_empty() {
            let what = format!("TLS key options [{}] are", names.join(", "));
            self.require_version(&what).await?;
        }
        self.transport.call("/GetTlsKey", &tls_key_config).await
    }

    /// Signs data with a key of the app that is kept for this.
    ///
    /// `algorithm` is `ed25519`, `secp256k1` (of the data's SHA-256; alias `k256`) or `secp256k1_prehashed`, for which the data
    /// must be a 32-byte digest.
    pub async fn sign(&self, algorithm: &str, data: Vec<u8>) -> Result<SignResponse> {
        if algorithm == "secp256k1_prehashed" && data.len() != DIGEST_SIZE {
            bail!(
                "pre-hashed signing requires a 32-byte digest, but received {} bytes",
                data.len()
            );
        }
        let request = json!({ "algorithm": algorithm, "data": hex::encode(data) });
        self.transport.call("/Sign", &request).await
    }

    /// Has the agent check a signature with the key given, which proves nothing about whose key that is.
    pub async fn verify(
        &self,
        algorithm: &str,
        data: Vec<u8>,
        signature: Vec<u8>,
        public_key: Vec<u8>,
    ) -> Result<VerifyResponse> {
        let request = json!({
            "algorithm": algorithm,
            "data": hex::encode(data),
            "signature": hex::encode(signature),
            "public_key": hex::encode(public_key),
        });
        self.transport.call("/Verify", &request).await
    }

    /// Returns the agent's version. Agents older than 0.5.7 lack the method: that is an error.
    pub async fn version(&self) -> Result<VersionResponse> {
        self.transport.call("/Version", &json!({})).await
    }

    /// Refuses what agents without the Version method would ignore or misread.
    async fn require_version(&self, what: &str) -> Result<()> {
        match self.version().await {
            Ok(answer) if !answer.version.is_empty() => Ok(()),
            Err(why) if !shows_old_agent(&why) => Err(why),
            _ => bail!("{what} not supported: OS version too old (Version RPC unavailable)"),
        }
    }
}

fn check_report_data(report_data: &[u8]) -> Result<()> {
    if report_data.is_empty() || report_data.len() > MAX_REPORT_DATA {
        bail!(
            "report data must be 1 to {MAX_REPORT_DATA} bytes, got {}",
            report_data.len()
        );
    }
    Ok(())
}

/// The names of the options in use that agents before 0.5.7 ignore.
fn new_options(config: &TlsKeyConfig) -> Vec<&'static str> {
    [
        ("not_before", config.not_before.is_some()),
        ("not_after", config.not_after.is_some()),
        ("with_app_info", config.with_app_info.is_some()),
    ]
    .into_iter()
    .filter_map(|(name, used)| used.then_some(name))
    .collect()
}
