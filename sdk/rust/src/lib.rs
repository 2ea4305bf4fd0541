//! Client of the dstack guest agent: an app in a confidential VM gets its keys, certificates and attestations from it.
//!
//! ```no_run
//! use dstack_sdk::dstack_client::DstackClient;
//!
//! # async fn run() -> anyhow::Result<()> {
//! let client = DstackClient::new(None);
//! let key = client.get_key(Some("wallet/main".to_string()), Some("ethereum".to_string())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! The other modules are for apps and their deployers, and work offline.

pub mod compose_hash;
pub mod dstack_client;
pub mod encrypt_env_vars;
#[cfg(feature = "ethereum")]
pub mod ethereum;
pub mod solana;
pub mod tappd_client;
mod transport;
pub mod verify_env_encrypt_public_key;

pub use transport::RpcError;

/// The programs in the README compile.
#[cfg(all(doctest, feature = "ethereum"))]
#[doc = include_str!("../README.md")]
struct Readme;
