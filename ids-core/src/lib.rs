//! The detection engine: packets and timestamps in, verdicts and events out.
//!
//! Nothing in this crate opens a file, a socket or a kernel map, and nothing reads a clock: whoever
//! drives it (replay, a mirror port, an inline pair, a test, a fuzzer) brings the bytes and the time and
//! takes what comes out through [`engine::Sink`].
//!
//! The modules in the order a packet meets them:
//!
//! | module | what it does |
//! |---|---|
//! | [`packet`] [`time`] [`verdict`] [`anomaly`] [`counters`] | what travels with a packet |
//! | [`wire`] | headers as checked views over bytes |
//! | [`decode`] | bytes → layers: who follows whom, tunnels |
//! | [`checksum`] | whether checksums of a packet are right, on demand |
//! | [`host_policy`] | which operating system an address runs |
//! | [`defrag`] | IPv4 and IPv6 fragments → datagrams |
//! | [`intake`] | decode and defrag in one call: a captured packet → every packet in it |
//! | [`flow`] | packets → flows, with state and timeouts |
//! | [`stream`] | TCP segments → ordered bytes |
//! | [`field`] [`record`] | what rules can see of a transaction, what records show of it |
//! | [`app`] | ordered bytes → transactions, one folder per protocol |
//! | [`rules`] | the rule language: text → syntax tree, diagnostics |
//! | [`detect`] | syntax tree → rule set; transactions and packets → alerts |
//! | [`exception`] | what becomes of packets where a table is full or a parser gives up |
//! | [`reject`] | answers to packets that are refused |
//! | [`event`] | what is told to the outside |
//! | [`engine`] | the whole path in one function |

pub mod anomaly;
pub mod app;
pub mod checksum;
pub mod counters;
pub mod decode;
pub mod defrag;
pub mod detect;
pub mod engine;
pub mod event;
pub mod exception;
pub mod field;
pub mod flow;
pub mod host_policy;
pub mod intake;
pub mod packet;
pub mod record;
pub mod reject;
pub mod rules;
pub mod stream;
pub mod time;
pub mod verdict;
pub mod wire;
