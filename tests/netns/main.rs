//! The kernel stage and the live modes against a real kernel: network namespaces, veth pairs, real programs.
//!
//! Needs root. Without, every test says why it is skipped; with `CI` or `IDS_NETNS=require` in the environment that is
//! a failure, and `IDS_NETNS=skip` leaves them out.
//! Everything happens in namespaces that the tests make; nothing outside is touched.

// All of this is test code, also what stands outside of test functions.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;

mod block_lists;
mod captures;
mod classify;
mod command_line;
mod crash;
mod doctor;
mod flood;
mod handover;
mod host;
mod inline;
mod interest;
mod jumbo;
mod ledgers;
mod load;
mod mirror;
mod outage;
mod packets;
mod ports;
mod proof;
mod queue;
mod releases;
mod reload;
mod rights;
mod status;
mod tables;
mod tags;
mod why;
