//! What the dstack guest agent answers, as types. Works without the standard library: turn the feature `std` off.
//!
//! Strings hold hex unless their documentation says otherwise.
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod canonical;
pub mod dstack;
mod replay;
pub mod tappd;

/// The programs in the README run.
#[cfg(all(doctest, feature = "std"))]
#[doc = include_str!("../README.md")]
struct Readme;
