//! Answers of the service on `dstack.sock`.

#[cfg(feature = "borsh_schema")]
use alloc::string::ToString;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use anyhow::Result;
#[cfg(feature = "borsh_schema")]
use borsh::BorshSchema;
#[cfg(feature = "borsh")]
use borsh::{BorshDeserialize, BorshSerialize};
use hex::FromHexError;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An entry of an event log.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct EventLog {
    /// Index of the register, 0 to 3.
    pub imr: u32,
    /// 0x08000001 for dstack's own events, else a type of the TCG.
    pub event_type: u32,
    /// What the register was extended with; of dstack's own events it may be empty.
    pub digest: String,
    /// Name of the event, plain text.
    pub event: String,
    /// Payload of the event.
    pub event_payload: String,
    /// 2 where the digest is made by the second rule, else absent or 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// What the digest is the SHA-384 of, where the agent tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preimage: Option<String>,
}

/// What a TLS key and its certificate shall be like.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct TlsKeyConfig {
    /// Common name.
    pub subject: String,
    /// Subject alternative names.
    pub alt_names: Vec<String>,
    /// Whether the certificate carries the app's attestation.
    pub usage_ra_tls: bool,
    /// Whether TLS servers may use it; true by default.
    pub usage_server_auth: bool,
    /// Whether TLS clients may use it.
    pub usage_client_auth: bool,
    /// Start of its validity, in Unix seconds. Needs an agent of 0.5.7 or later, as do the members below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<u64>,
    /// End of its validity, in Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<u64>,
    /// Whether it names the app.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_app_info: Option<bool>,
}

impl Default for TlsKeyConfig {
    fn default() -> Self {
        Self {
            subject: String::new(),
            alt_names: Vec::new(),
            usage_ra_tls: false,
            usage_server_auth: true,
            usage_client_auth: false,
            not_before: None,
            not_after: None,
            with_app_info: None,
        }
    }
}

impl TlsKeyConfig {
    /// Starts from the defaults.
    pub fn builder() -> TlsKeyConfigBuilder {
        TlsKeyConfigBuilder(Self::default())
    }
}

/// Makes a [`TlsKeyConfig`].
#[derive(Clone, Debug)]
pub struct TlsKeyConfigBuilder(TlsKeyConfig);

impl TlsKeyConfigBuilder {
    /// Sets the common name.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = subject.into();
        self
    }

    /// Sets the subject alternative names.
    pub fn alt_names(mut self, alt_names: Vec<String>) -> Self {
        self.0.alt_names = alt_names;
        self
    }

    /// Sets whether the certificate carries the app's attestation.
    pub fn usage_ra_tls(mut self, usage: bool) -> Self {
        self.0.usage_ra_tls = usage;
        self
    }

    /// Sets whether TLS servers may use the certificate.
    pub fn usage_server_auth(mut self, usage: bool) -> Self {
        self.0.usage_server_auth = usage;
        self
    }

    /// Sets whether TLS clients may use the certificate.
    pub fn usage_client_auth(mut self, usage: bool) -> Self {
        self.0.usage_client_auth = usage;
        self
    }

    /// Sets the start of the certificate's validity, in Unix seconds.
    pub fn not_before(mut self, seconds: u64) -> Self {
        self.0.not_before = Some(seconds);
        self
    }

    /// Sets the end of the certificate's validity, in Unix seconds.
    pub fn not_after(mut self, seconds: u64) -> Self {
        self.0.not_after = Some(seconds);
        self
    }

    /// Sets whether the certificate names the app.
    pub fn with_app_info(mut self, enabled: bool) -> Self {
        self.0.with_app_info = Some(enabled);
        self
    }

    /// The configuration.
    pub fn build(self) -> TlsKeyConfig {
        self.0
    }
}

fn decode_list(list: &[String]) -> Result<Vec<Vec<u8>>, FromHexError> {
    list.iter().map(hex::decode).collect()
}

/// A derived key and the signatures that lead from it to the KMS.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct GetKeyResponse {
    /// 32 bytes.
    pub key: String,
    /// The app's signature of the key, the KMS's of the app.
    pub signature_chain: Vec<String>,
}

impl GetKeyResponse {
    /// The bytes of the key.
    pub fn decode_key(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.key)
    }

    /// The bytes of the signatures.
    pub fn decode_signature_chain(&self) -> Result<Vec<Vec<u8>>, FromHexError> {
        decode_list(&self.signature_chain)
    }
}

/// A TDX quote and the event log that explains its registers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct GetQuoteResponse {
    /// The quote.
    pub quote: String,
    /// JSON text of a list of [`EventLog`].
    pub event_log: String,
    /// As in the quote: padded to 64 bytes.
    #[serde(default)]
    pub report_data: String,
    /// JSON text.
    #[serde(default)]
    pub vm_config: String,
    /// On platforms without TDX quotes; else usually empty.
    #[serde(default)]
    pub attestation: String,
}

impl GetQuoteResponse {
    /// The bytes of the quote.
    pub fn decode_quote(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.quote)
    }

    /// The bytes of the attestation.
    pub fn decode_attestation(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.attestation)
    }

    /// The entries of the event log.
    pub fn decode_event_log(&self) -> Result<Vec<EventLog>, serde_json::Error> {
        serde_json::from_str(&self.event_log)
    }

    /// Computes the four registers, in hex, that the event log leads to.
    ///
    /// Digests of dstack's own events are computed from their names and payloads, and an event whose given digest differs is
    /// an error. The result proves nothing unless it equals the registers of a quote whose signature was verified.
    pub fn replay_rtmrs(&self) -> Result<BTreeMap<u8, String>> {
        let events = self.decode_event_log().map_err(anyhow::Error::msg)?;
        crate::replay::replay(&events)
    }
}

/// A versioned attestation, of whatever platform the app runs on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct AttestResponse {
    /// The attestation.
    pub attestation: String,
}

impl AttestResponse {
    /// The bytes of the attestation.
    pub fn decode_attestation(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.attestation)
    }
}

/// What was found out about the GPUs at boot.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct GpuInfoResponse {
    /// Plain text, empty when there are no GPUs.
    pub attestation: String,
}

/// What the app is and what it runs on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct InfoResponse {
    /// 20 bytes.
    pub app_id: String,
    /// 20 bytes, or empty.
    pub instance_id: String,
    /// PEM chain, or empty.
    pub app_cert: String,
    /// The measurements.
    pub tcb_info: TcbInfo,
    /// Plain text.
    pub app_name: String,
    /// 32 bytes.
    pub device_id: String,
    /// 32 bytes.
    #[serde(default)]
    pub mr_aggregated: String,
    /// 32 bytes; empty when the KMS does not measure the image.
    #[serde(default)]
    pub os_image_hash: String,
    /// JSON text.
    pub key_provider_info: String,
    /// 32 bytes.
    pub compose_hash: String,
    /// JSON text.
    #[serde(default)]
    pub vm_config: String,
    /// Plain text.
    #[serde(default)]
    pub cloud_vendor: String,
    /// Plain text.
    #[serde(default)]
    pub cloud_product: String,
}

impl InfoResponse {
    /// Reads an answer of the agent, in which `tcb_info` is JSON within a text.
    pub fn validated_from_value(mut obj: Value) -> Result<Self, serde_json::Error> {
        if let Some(tcb_info) = obj.get_mut("tcb_info") {
            if let Value::String(text) = tcb_info {
                *tcb_info = serde_json::from_str(text)?;
            }
        }
        serde_json::from_value(obj)
    }
}

/// The measurements, with what explains them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct TcbInfo {
    /// Measurement of the firmware.
    pub mrtd: String,
    /// Register 0.
    pub rtmr0: String,
    /// Register 1.
    pub rtmr1: String,
    /// Register 2.
    pub rtmr2: String,
    /// Register 3.
    pub rtmr3: String,
    /// Empty when the KMS does not measure the image.
    #[serde(default)]
    pub os_image_hash: String,
    /// Hash of `app_compose`.
    pub compose_hash: String,
    /// Hash that names the machine.
    pub device_id: String,
    /// The `app-compose.json` as deployed.
    pub app_compose: String,
    /// The events behind the registers.
    pub event_log: Vec<EventLog>,
}

/// A fresh TLS key and its certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct GetTlsKeyResponse {
    /// PKCS#8 PEM.
    pub key: String,
    /// PEM, leaf first.
    pub certificate_chain: Vec<String>,
}

/// A signature of the app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct SignResponse {
    /// 64 bytes.
    pub signature: String,
    /// The signature, the app's of the signing key, the KMS's of the app.
    pub signature_chain: Vec<String>,
    /// 32 bytes for ed25519, else 33: compressed.
    pub public_key: String,
}

impl SignResponse {
    /// The bytes of the signature.
    pub fn decode_signature(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.signature)
    }

    /// The bytes of the public key.
    pub fn decode_public_key(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.public_key)
    }

    /// The bytes of the signatures.
    pub fn decode_signature_chain(&self) -> Result<Vec<Vec<u8>>, FromHexError> {
        decode_list(&self.signature_chain)
    }
}

/// The outcome of a verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct VerifyResponse {
    /// Whether the signature holds.
    pub valid: bool,
}

/// The agent's release.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct VersionResponse {
    /// Plain text, as 0.5.7.
    pub version: String,
    /// Plain text.
    #[serde(default)]
    pub rev: String,
}
