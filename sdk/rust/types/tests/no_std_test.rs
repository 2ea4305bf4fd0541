//! The types in a program without the standard library.
#![no_std]

extern crate alloc;

use alloc::{string::String, vec::Vec};
use dstack_sdk_types::{dstack::GetQuoteResponse, tappd::DeriveKeyResponse};

#[test]
fn works_without_the_standard_library() {
    let key = DeriveKeyResponse {
        key: String::from("no key"),
        certificate_chain: Vec::new(),
    };
    assert!(key.decode_key().is_err());
    let quote = GetQuoteResponse {
        quote: String::from("00ff"),
        event_log: String::from("[]"),
        report_data: String::new(),
        vm_config: String::new(),
        attestation: String::new(),
    };
    assert_eq!(quote.decode_quote().unwrap(), [0, 255]);
    assert_eq!(quote.replay_rtmrs().unwrap().len(), 4);
}
