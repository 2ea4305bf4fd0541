//! Nothing but a use of every module of `dstack-sdk-types` where there is no standard library.
#![no_std]

extern crate alloc;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use dstack_sdk_types::{canonical, dstack::GetQuoteResponse, tappd::DeriveKeyResponse};

/// The registers that a quote's event log leads to.
pub fn replay(quote: &GetQuoteResponse) -> Option<BTreeMap<u8, String>> {
    quote.replay_rtmrs().ok()
}

/// The scalar of a derived key.
pub fn scalar(key: &DeriveKeyResponse) -> Option<Vec<u8>> {
    key.decode_key().ok()
}

/// A text in quotes.
pub fn quoted(text: &str) -> String {
    let mut out = String::new();
    canonical::push_string(&mut out, text);
    out
}
