//! The kernel stage and the live modes against a real kernel: network namespaces, veth pairs, real programs.
//!
//! Needs root. Without, every test says why it is skipped; with `CI` or `IDS_REQUIRE_NETNS` set, a skip is a failure.
//! Everything happens in namespaces that the tests make; nothing outside is touched.

#![allow(unreachable_pub)]

mod support;

mod classify;
mod inline;
mod tables;
