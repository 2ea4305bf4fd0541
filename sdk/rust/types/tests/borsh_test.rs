//! Borsh encoding of answers. It is positional: new members come last.
#![cfg(feature = "borsh_schema")]

use borsh::BorshSchema;
use dstack_sdk_types::dstack::{EventLog, GetQuoteResponse, InfoResponse, TlsKeyConfig};
use dstack_sdk_types::tappd::QuoteHashAlgorithm;

#[test]
fn encodes_members_in_their_order() {
    let event = EventLog {
        imr: 3,
        event_type: 1,
        digest: "d".to_string(),
        event: "e".to_string(),
        event_payload: String::new(),
        version: None,
        preimage: Some("p".to_string()),
    };
    let encoded = borsh::to_vec(&event).unwrap();
    let expected = b"\x03\0\0\0\x01\0\0\0\x01\0\0\0d\x01\0\0\0e\0\0\0\0\0\x01\x01\0\0\0p";
    assert_eq!(encoded, expected);
    assert_eq!(borsh::from_slice::<EventLog>(&encoded).unwrap(), event);
    assert!(borsh::from_slice::<EventLog>(&encoded[..9]).is_err());
    assert_eq!(borsh::to_vec(&QuoteHashAlgorithm::Raw).unwrap(), [9]);
}

#[test]
fn has_a_schema() {
    assert_eq!(GetQuoteResponse::declaration(), "GetQuoteResponse");
    assert_eq!(InfoResponse::declaration(), "InfoResponse");
    assert_eq!(TlsKeyConfig::declaration(), "TlsKeyConfig");
}
