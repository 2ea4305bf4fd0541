//! Answers of the legacy service on `tappd.sock`.

pub use crate::dstack::EventLog;
#[cfg(feature = "borsh_schema")]
use alloc::string::ToString;
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use anyhow::{bail, Error, Result};
#[cfg(feature = "borsh_schema")]
use borsh::BorshSchema;
#[cfg(feature = "borsh")]
use borsh::{BorshDeserialize, BorshSerialize};
use hex::FromHexError;
use pkcs8::{PrivateKeyInfo, SecretDocument};
use sec1::EcPrivateKey;
use serde::{Deserialize, Serialize};

const SCALAR_SIZE: usize = 32;

/// How report data get into a quote.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
#[allow(missing_docs)]
pub enum QuoteHashAlgorithm {
    Sha256,
    Sha384,
    Sha512,
    Sha3_256,
    Sha3_384,
    Sha3_512,
    Keccak256,
    Keccak384,
    Keccak512,
    Raw,
}

impl QuoteHashAlgorithm {
    /// The name that the service knows it by.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
            Self::Keccak256 => "keccak256",
            Self::Keccak384 => "keccak384",
            Self::Keccak512 => "keccak512",
            Self::Raw => "raw",
        }
    }
}

/// A derived P-256 key and its certificate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct DeriveKeyResponse {
    /// PKCS#8 PEM.
    pub key: String,
    /// PEM, leaf first.
    pub certificate_chain: Vec<String>,
}

impl DeriveKeyResponse {
    /// The 32-byte scalar of the key. (The start of its DER form, in contrast, is the same for every key.)
    pub fn decode_key(&self) -> Result<Vec<u8>> {
        let (label, document) = SecretDocument::from_pem(self.key.trim()).map_err(Error::msg)?;
        if label != "PRIVATE KEY" {
            bail!("expected a PEM block PRIVATE KEY, got {label}");
        }
        let info = PrivateKeyInfo::try_from(document.as_bytes()).map_err(Error::msg)?;
        let key = EcPrivateKey::try_from(info.private_key).map_err(Error::msg)?;
        if key.private_key.len() != SCALAR_SIZE {
            bail!(
                "expected a scalar of {SCALAR_SIZE} bytes, got {}",
                key.private_key.len()
            );
        }
        Ok(key.private_key.to_vec())
    }
}

/// A TDX quote and the event log that explains its registers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct TdxQuoteResponse {
    /// The quote.
    pub quote: String,
    /// JSON text of a list of [`EventLog`].
    pub event_log: String,
    /// Name of the hash that was used, plain text.
    #[serde(default)]
    pub hash_algorithm: Option<String>,
    /// What was hashed before the report data, plain text.
    #[serde(default)]
    pub prefix: Option<String>,
}

impl TdxQuoteResponse {
    /// The bytes of the quote.
    pub fn decode_quote(&self) -> Result<Vec<u8>, FromHexError> {
        hex::decode(&self.quote)
    }

    /// The entries of the event log.
    pub fn decode_event_log(&self) -> Result<Vec<EventLog>, serde_json::Error> {
        serde_json::from_str(&self.event_log)
    }

    /// As [`replay_rtmrs`](crate::dstack::GetQuoteResponse::replay_rtmrs) of a quote of the newer service.
    pub fn replay_rtmrs(&self) -> Result<BTreeMap<u8, String>> {
        let events = self.decode_event_log().map_err(Error::msg)?;
        crate::replay::replay(&events)
    }
}

/// The measurements, with what explains them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct TappdTcbInfo {
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
    /// The events behind the registers.
    pub event_log: Vec<EventLog>,
    /// The `app-compose.json` as deployed.
    pub app_compose: String,
}

/// What the app is and what it runs on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "borsh", derive(BorshSerialize, BorshDeserialize))]
#[cfg_attr(feature = "borsh_schema", derive(BorshSchema))]
pub struct TappdInfoResponse {
    /// 20 bytes.
    pub app_id: String,
    /// 20 bytes, or empty.
    pub instance_id: String,
    /// PEM chain, or empty.
    pub app_cert: String,
    /// The measurements.
    pub tcb_info: TappdTcbInfo,
    /// Plain text.
    pub app_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCC0ZeQfahI+Alfhs
OnI791oILpdyPgAP49/78IuVjqihRANCAAROJ5YaGXbk2cVtIVNruwbKX3QIdvip
goeVxXbdhXuZr/YNBj5xYUeFi9TKZBUEKqDl1rZRDB9UGcJ2KCr8C4W1
-----END PRIVATE KEY-----
";

    fn decode(key: &str) -> Result<Vec<u8>> {
        let key = key.to_string();
        DeriveKeyResponse {
            key,
            certificate_chain: Vec::new(),
        }
        .decode_key()
    }

    #[test]
    fn decodes_the_scalar() {
        let scalar = decode(&["\n", KEY, "\n"].concat()).unwrap();
        assert_eq!(
            hex::encode(scalar),
            "082d197907da848f8095f86c3a723bf75a082e97723e000fe3dffbf08b958ea8"
        );
    }

    /// Keys in tests are often made up: nothing says that the point belongs to the scalar.
    #[test]
    fn does_not_check_the_public_point() {
        let changed = KEY.replace("C4W1", "C4WA");
        assert_eq!(decode(&changed).unwrap(), decode(KEY).unwrap());
    }

    #[test]
    fn refuses_other_keys() {
        for key in [
            "",
            "x",
            &KEY.replace("PRIVATE KEY", "PUBLIC KEY"),
            &KEY.replace("MIGH", "MIGI"),
        ] {
            assert!(decode(key).is_err());
        }
    }

    #[test]
    fn names_algorithms_as_the_service_does() {
        assert_eq!(QuoteHashAlgorithm::Sha3_256.as_str(), "sha3-256");
        assert_eq!(QuoteHashAlgorithm::Raw.as_str(), "raw");
    }
}
