//! Verifies one quote again and again with the `dcap-qvl` crate and prints how many it does in a
//! second of processor time.
//!
//! Usage: dcap-peer QUOTE COLLATERAL UNIX_TIME ROOT_DER

use dcap_qvl::{verify::QuoteVerifier, QuoteCollateralV3};
use std::{env, fs};

const ROUNDS: usize = 10;
const PER_ROUND: usize = 50;

fn cpu_seconds() -> f64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists and `now` is a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut now) };
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let quote = fs::read(&args[1]).expect("quote");
    let text = fs::read_to_string(&args[2]).expect("collateral");
    let collateral: QuoteCollateralV3 = serde_json::from_str(&text).expect("collateral");
    let now: u64 = args[3].parse().expect("time");
    let verifier = QuoteVerifier::new(fs::read(&args[4]).expect("root"));
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = cpu_seconds();
        for _ in 0..PER_ROUND {
            verifier.verify(&quote, &collateral, now).expect("verified");
        }
        best = best.min((cpu_seconds() - start) / PER_ROUND as f64);
    }
    println!("{:.1}", 1.0 / best);
}
