//! What the live modes cost, measured between network namespaces: `cargo xtask bench xdp | bridge | live | load | soak`
//! runs this. Needs root; everything happens in namespaces that are made for it and go with it.

// What stands for the tests holds here: what cannot be had ends the run, with the place.
#![allow(clippy::unwrap_used, unreachable_pub, missing_docs)]

mod bed;
mod blocked;
mod bridge;
mod load;
mod outage;
mod outcomes;
mod promptness;
mod receive;
mod reload;
mod soak;
mod stage;
#[path = "../../../tests/netns/support/mod.rs"]
#[allow(dead_code, unused_macros)]
mod support;
mod traffic;

use std::time::Duration;

/// What can be asked for: a group, its part, and what measures it.
const PARTS: [(&str, &str, fn()); 11] = [
    ("xdp", "outcomes", outcomes::run),
    ("xdp", "stage", stage::run),
    ("xdp", "receive", receive::run),
    ("bridge", "bridge", bridge::run),
    ("live", "traffic", traffic::run),
    ("live", "blocked", blocked::run),
    ("live", "promptness", promptness::run),
    ("live", "outage", outage::run),
    ("live", "reload", reload::run),
    ("load", "load", || load::run(span(60))),
    ("soak", "soak", || soak::run(span(3600))),
];

/// What `BENCH_SPAN` asks for, in seconds, or what is usual.
fn span(usual: u64) -> Duration {
    let asked = std::env::var("BENCH_SPAN").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(asked.unwrap_or(usual))
}

fn main() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: not root");
        return;
    }
    let asked: Vec<String> = std::env::args().skip(1).collect();
    for (_, _, measure) in
        PARTS.iter().filter(|(group, part, _)| asked.iter().any(|word| word == group || word == part))
    {
        measure();
    }
}
