//! Verifies one quote again and again with the `dcap-qvl` crate and prints how many it does in a second.
//!
//! Usage: dcap-peer QUOTE COLLATERAL UNIX_TIME ROOT_DER

use dcap_qvl::{verify::QuoteVerifier, QuoteCollateralV3};
use std::{env, fs, time::Instant};

const ROUNDS: usize = 10;
const PER_ROUND: usize = 50;

fn main() {
    let args: Vec<String> = env::args().collect();
    let quote = fs::read(&args[1]).expect("quote");
    let text = fs::read_to_string(&args[2]).expect("collateral");
    let collateral: QuoteCollateralV3 = serde_json::from_str(&text).expect("collateral");
    let now: u64 = args[3].parse().expect("time");
    let verifier = QuoteVerifier::new(fs::read(&args[4]).expect("root"));
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..PER_ROUND {
            verifier.verify(&quote, &collateral, now).expect("verified");
        }
        best = best.min(start.elapsed().as_secs_f64() / PER_ROUND as f64);
    }
    println!("{:.1}", 1.0 / best);
}
