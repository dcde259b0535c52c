//! The sensor: captures, configuration, outputs, the kernel stage; everything around the engine of `ids-core`.
//!
//! | module | what it does |
//! |---|---|
//! | [`cli`] | the command line |
//! | [`config`] | YAML → settings |
//! | [`capture`] | files and interfaces → packets |
//! | [`ruleset`] | rule files → a rule set |
//! | [`rule_files`] | files that rules name: sets of values, digests, addresses |
//! | [`magic`] | what kind a file is |
//! | [`replay`] | a capture file from beginning to end |
//! | [`interest`] | what of all packets rules, records and settings want |
//! | [`live`] | interfaces and netfilter queues → engine → verdicts |
//! | [`kernel`] | loads the XDP program, fills and reads its maps |
//! | [`proof`] | captures with the kernel stage in front and without: the same records |
//! | [`netlink`] | how messages to and from the kernel are put together |
//! | [`ports`] | sets interfaces up and gives them back |
//! | [`output`] | events → EVE, fast.log, stats, the alert store |
//! | [`layout`] | text for people, fitted to their terminal |
//! | [`authoring`] | rules checked and tried |
//! | [`block_lists`] | files of addresses → blocks |
//! | [`doctor`] | what of this machine stands in the way of a live run |
//! | [`costs`] | what rules and flows cost |
//! | [`control`] | the socket of a running sensor |
//! | [`shield`] | what keeps blocks from hitting their owner |
//! | [`why`] | what happens to a packet now, and because of what |
//! | [`rights`] | what a running sensor gives up |
//! | [`sensor`] | a live run with its outputs and its control socket |

#![deny(clippy::print_stdout, reason = "`cli::say` is the way there")]

pub mod authoring;
pub mod block_lists;
pub mod capture;
pub mod cli;
pub mod config;
pub mod control;
pub mod costs;
pub mod doctor;
pub mod interest;
pub mod kernel;
pub mod layout;
pub mod live;
pub mod magic;
pub mod netlink;
pub mod output;
pub mod ports;
pub mod proof;
pub mod replay;
pub mod rights;
pub mod rule_files;
pub mod ruleset;
pub mod sensor;
pub mod shield;
pub mod why;
