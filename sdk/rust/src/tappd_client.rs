//! The client of the legacy service on `tappd.sock`. New apps use [`dstack_client`](crate::dstack_client).

use crate::dstack_client::BaseClient;
use crate::transport::{choose_endpoint, Transport};
use anyhow::{bail, Context, Result};
pub use dstack_sdk_types::tappd::*;
use serde_json::{json, Value};

const REPORT_DATA_SIZE: usize = 64;

/// How a client reaches its service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TappdClientKind {
    /// By an http or https URL.
    Http,
    /// By a unix socket.
    Unix,
}

/// Calls the legacy service.
pub struct TappdClient {
    transport: Transport,
}

impl BaseClient for TappdClient {}

impl TappdClient {
    /// Returns a client, without any I/O. Without `endpoint` the environment variable `TAPPD_SIMULATOR_ENDPOINT` counts if it
    /// is not empty, else `/var/run/tappd.sock` or where else that socket is.
    pub fn new(endpoint: Option<&str>) -> Self {
        let endpoint = choose_endpoint(endpoint, "TAPPD_SIMULATOR_ENDPOINT", "tappd.sock");
        let transport = Transport::new(endpoint);
        Self { transport }
    }

    /// How the service is reached.
    pub fn kind(&self) -> TappdClientKind {
        if self.transport.is_unix() {
            TappdClientKind::Unix
        } else {
            TappdClientKind::Http
        }
    }

    /// The URL or socket in use.
    pub fn endpoint(&self) -> &str {
        self.transport.endpoint()
    }

    /// Derives the app's TLS key for `path` and has it certified with the path as subject.
    pub async fn derive_key(&self, path: &str) -> Result<DeriveKeyResponse> {
        self.derive_key_with_subject_and_alt_names(path, None, None).await
    }

    /// [`derive_key`](Self::derive_key) with another subject.
    pub async fn derive_key_with_subject(&self, path: &str, subject: &str) -> Result<DeriveKeyResponse> {
        self.derive_key_with_subject_and_alt_names(path, Some(subject), None)
            .await
    }

    /// [`derive_key`](Self::derive_key) with another subject and with subject alternative names.
    pub async fn derive_key_with_subject_and_alt_names(
        &self,
        path: &str,
        subject: Option<&str>,
        alt_names: Option<Vec<String>>,
    ) -> Result<DeriveKeyResponse> {
        let mut request = json!({ "path": path, "subject": subject.unwrap_or(path) });
        if let Some(names) = alt_names.filter(|names| !names.is_empty()) {
            request["alt_names"] = names.into();
        }
        self.transport.call("/prpc/Tappd.DeriveKey", &request).await
    }

    /// Returns a quote over exactly 64 bytes.
    pub async fn get_quote(&self, report_data: Vec<u8>) -> Result<TdxQuoteResponse> {
        if report_data.len() != REPORT_DATA_SIZE {
            bail!(
                "report data must be exactly {REPORT_DATA_SIZE} bytes, got {}",
                report_data.len()
            );
        }
        let request = json!({ "report_data": hex::encode(report_data) });
        self.transport.call("/prpc/Tappd.RawQuote", &request).await
    }

    /// Returns a quote over a hash of `app-data:` and the data, or with [`QuoteHashAlgorithm::Raw`] over the data themselves,
    /// at most 64 bytes, padded with zeros on the left.
    pub async fn tdx_quote(&self, report_data: Vec<u8>, algorithm: QuoteHashAlgorithm) -> Result<TdxQuoteResponse> {
        if algorithm == QuoteHashAlgorithm::Raw {
            let mut padded = vec![0; REPORT_DATA_SIZE.saturating_sub(report_data.len())];
            padded.extend(report_data);
            return self.get_quote(padded).await;
        }
        let request = json!({ "report_data": hex::encode(report_data), "hash_algorithm": algorithm.as_str() });
        self.transport.call("/prpc/Tappd.TdxQuote", &request).await
    }

    /// Returns what the app is and what it runs on. Nothing in it is proven: that takes a quote.
    pub async fn info(&self) -> Result<TappdInfoResponse> {
        let mut answer: Value = self.transport.call("/prpc/Tappd.Info", &json!({})).await?;
        if let Some(text) = answer.get("tcb_info").and_then(Value::as_str) {
            answer["tcb_info"] = serde_json::from_str(text).context("failed to parse tcb_info")?;
        }
        Ok(serde_json::from_value(answer)?)
    }

    /// Tells whether the service answers [`info`](Self::info) within half a second.
    pub async fn is_reachable(&self) -> bool {
        self.transport.is_reachable("/prpc/Tappd.Info").await
    }
}
