//! Connections that other connections announce: FTP says where its files will travel.
//!
//! In: what a session [expects](super::parser::Session::expects).  Out: the same, for the session of the connection that
//! comes, which is of the protocol announced whatever it looks like. Who keeps it in between is not known here.

use std::net::IpAddr;

use crate::field::Dir;

/// A connection that is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Who will open it: the side that opened this one sends to the server.
    pub opener: Dir,
    /// The address that it goes to, where that is not the other side's.
    pub to: Option<IpAddr>,
    /// The port that it goes to.
    pub port: u16,
    /// Record name of its protocol.
    pub proto: &'static str,
    /// What it is about.
    pub topic: Topic,
}

/// What a connection that was announced is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// The command that brings it about, in capital letters.
    pub command: &'static str,
    /// The name of the file that travels; empty if there is none.
    pub name: Vec<u8>,
}
