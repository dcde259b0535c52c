//! Detection: rules → a rule set; packets and transactions → alerts.
//!
//! In: syntax trees and settings, once; at run time packets with what is known of their flow ([`scene::Scene`]), and
//! transactions.  Out: a [`rule_set::RuleSet`]; at run time [`hits::Hits`] and a [`hits::Decision`].
//! Holds nothing of its own: what is remembered lives with the flow and the transaction ([`state`]), or in
//! [`shared`]. Must not know one protocol by name; it sees fields, and asks for them by number.
//!
//! | step | module |
//! |---|---|
//! | loading: names and what they mean | [`keywords`] [`packet_fields`] [`transforms`] [`tables`] [`datasets`] |
//! | one rule | [`header`] `read_header` `options` `builder` `finish` `fast_pattern` `gate` |
//! | all rules | [`compile`] `index` `patterns` → [`rule_set`] |
//! | matching: bytes | [`bytes`] [`integer`] [`mpm`] |
//! | matching: packets, transactions | `inspect` `transactions`, both on [`detector`] |
//! | telling what there is to write | [`manual`] |
//! | telling what was made of a rule, what is odd about it, and what was meant | `describe` `advice` `similar` |
//! | telling what rules have to see | [`interest`] |
//! | what follows | [`hits`] [`threshold`] |
//! | what it takes | [`cost`] |

mod address_tests;
mod advice;
mod builder;
pub mod bytes;
mod catalog;
pub mod compile;
pub mod cost;
pub mod datasets;
pub mod describe;
pub mod detector;
mod fast_pattern;
mod files;
mod finish;
mod frames;
mod gate;
pub mod header;
pub mod hits;
mod index;
mod inspect;
pub mod integer;
pub mod interest;
pub mod keywords;
pub mod manual;
pub mod mpm;
pub mod names;
mod notation;
mod options;
pub mod packet_fields;
mod patterns;
mod read_header;
pub mod rule;
pub mod rule_set;
pub mod scene;
pub mod settings;
pub mod shared;
mod similar;
pub mod state;
pub mod tables;
mod tags;
#[cfg(test)]
mod tests;
pub mod threshold;
mod transactions;
pub mod transforms;
