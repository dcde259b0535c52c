//! Rules on packets and transactions, end to end through loading and matching.
//!
//! [`keywords`] has a case and a near miss for every keyword and field; the others look at what goes on between rules:
//! order, state, thresholds, actions.

mod actions;
pub(super) mod bench;
mod cost;
mod datasets;
mod frame_rules;
mod frames;
mod geoip;
mod keywords;
mod loading;
mod reload;
mod reputation;
mod transactions;

use bench::{Bench, Step};

/// The signatures that fire on some steps, in order.
fn fired(rules: &str, steps: &[Step]) -> Vec<u32> {
    let mut bench = Bench::new(rules);
    steps.iter().flat_map(|step| bench.take(step)).collect()
}
