//! What the engine tells the outside: alerts, transactions, files, flows, anomalies, drops.
//!
//! Events borrow from the engine and are gone when the sink returns; whoever wants to keep one writes it
//! down. How they are written is the outputs' business. Matched without a wildcard, so that a new kind lets
//! the compiler name every output.

use std::net::IpAddr;

use crate::anomaly::Anomaly;
use crate::app::file::File;
pub use crate::app::frames::Seen as Frame;
pub use crate::app::parser::Certificates;
use crate::app::parser::{Protocol, Transaction};
pub use crate::app::state::AppInfo;
use crate::detect::hits::Findings;
use crate::detect::rule::RuleInfo;
use crate::exception::{Exception, Trouble};
use crate::field::Dir;
use crate::flow::{End, Flow};
use crate::packet::{Packet, Source, Tunnel};
use crate::stream::Summary;
use crate::time::Time;
use crate::verdict::{DropReason, RejectTo};
use crate::wire::arp::Arp;

/// Something to tell.
#[derive(Debug)]
pub enum Event<'a> {
    /// A rule fired.
    Alert(Alert<'a>),
    /// Odd traffic.
    Anomaly(Odd<'a>),
    /// A transaction is complete (or its flow ended).
    Transaction(TxRef<'a>),
    /// A rule wants certificates stored.
    Certificates(CertificatesRef<'a>),
    /// Bytes of a file that is stored.
    FileContent(FileContent<'a>),
    /// A file came to its end.
    File(FileRef<'a>),
    /// A frame came to its end, if the configuration asks for them.
    Frame(FrameRef<'a>),
    /// A flow ended.
    Flow(FlowEnd<'a>),
    /// A packet was dropped.
    Drop(Dropped<'a>),
    /// A packet follows an alert because of `tag`.
    Tagged(Tagged<'a>),
    /// A packet, if the configuration asks for all of them.
    Packet(Seen<'a>),
    /// Rules captured variables on a packet.
    Variables(Variables<'a>),
    /// An ARP packet.
    Arp(ArpRef<'a>),
}

/// Where and when an event happened: what all records have in common.
#[derive(Clone, Debug)]
pub struct Context<'a> {
    /// Time of the record.
    pub time: Time,
    /// Number of the packet (`pcap_cnt`); `None` for events that no packet caused, such as the end of a flow.
    pub packet: Option<u64>,
    /// Position among the events of one packet, so that events of several workers can be put in order.
    pub order: u32,
    /// Port it came in on.
    pub port: u16,
    /// VLAN ids, outermost first.
    pub vlans: &'a [u16],
    /// Source address as the record shows it.
    pub src: Option<IpAddr>,
    /// Destination address as the record shows it.
    pub dst: Option<IpAddr>,
    /// Source port; shown for TCP, UDP and SCTP.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// IP protocol number; `None` for packets that are not IP.
    pub proto: Option<u8>,
    /// ICMP type and code.
    pub icmp: Option<(u8, u8)>,
    /// How the packet came to be; `None` where records do not say.
    pub source: Option<Source>,
    /// Source and destination MAC address and the type field.
    pub ether: Option<([u8; 6], [u8; 6], u16)>,
    /// The tunnel that the packet came out of.
    pub tunnel: Option<Tunnel>,
    /// The flow, if it belongs to one.
    pub flow: Option<&'a Flow>,
    /// Flow-wide knowledge of the protocol.
    pub app: Option<AppInfo>,
    /// Names of flowbits, variables and the like of the flow that records show (`metadata`).
    pub vars: Option<&'a dyn Vars>,
    /// Direction of the packet within its flow.
    pub dir: Option<Dir>,
}

impl Context<'_> {
    /// The same with source and destination exchanged.
    pub fn turned(&self) -> Self {
        let (src, dst, src_port, dst_port) = (self.dst, self.src, self.dst_port, self.src_port);
        Self { src, dst, src_port, dst_port, ..self.clone() }
    }
}

/// Variables of a flow, for the `metadata` object of records.
pub trait Vars: std::fmt::Debug {
    /// Whether there is anything to show.
    fn is_empty(&self) -> bool;
    /// Writes the content of the `metadata` object: flowbits, flowints, flowvars, pktvars.
    fn write(&self, out: &mut dyn crate::record::Writer);
    /// Calls back with the name of every flowbit that is set.
    fn flowbits(&self, each: &mut dyn FnMut(&str));
}

/// A rule fired.
#[derive(Debug)]
pub struct Alert<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// Which rule.
    pub rule: &'a RuleInfo,
    /// Whether the packet was dropped or rejected on account of it (`action: blocked`).
    pub blocked: bool,
    /// What it brought to light for the alert alone (`context`).
    pub findings: Option<&'a Findings>,
    /// The transaction it fired on.
    pub tx: Option<TxAt<'a>>,
    /// The frame it fired on.
    pub frame: Option<Frame<'a>>,
    /// Whether the transaction was guessed (`tx_guessed`).
    pub tx_guessed: bool,
    /// What was inspected: packet payload, or stream data if `stream` is set.
    pub payload: &'a [u8],
    /// Whether `payload` is reassembled stream data.
    pub stream: bool,
    /// The packet.
    pub packet: Option<&'a Packet<'a>>,
    /// What became of the packet, for the `verdict` object.
    pub verdict: VerdictInfo,
}

/// What became of a packet, for the `verdict` object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictInfo {
    /// It was dropped.
    pub dropped: bool,
    /// A `pass` rule let it through.
    pub passed: bool,
    /// A reset or unreachable was sent to these sides.
    pub reject: Option<RejectTo>,
}

/// A transaction with its number and protocol.
#[derive(Clone, Copy)]
pub struct TxAt<'a> {
    /// Number within the flow.
    pub id: u64,
    /// The protocol.
    pub protocol: &'static Protocol,
    /// The transaction.
    pub tx: &'a dyn Transaction,
}

impl std::fmt::Debug for TxAt<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} transaction {}", self.protocol.name, self.id)
    }
}

/// A complete transaction.
#[derive(Debug)]
pub struct TxRef<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The transaction.
    pub at: TxAt<'a>,
}

/// Certificates that a side has shown, for a rule that wants them stored.
#[derive(Debug)]
pub struct CertificatesRef<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The direction they went in.
    pub dir: Dir,
    /// The certificates.
    pub certificates: Certificates<'a>,
}

/// Bytes of a file that is stored, next to those that were told of before.
#[derive(Debug)]
pub struct FileContent<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// Number of the file among all that are stored, from 1.
    pub number: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// A file at its end.
#[derive(Debug)]
pub struct FileRef<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The transaction that carried it.
    pub at: TxAt<'a>,
    /// The file.
    pub file: &'a File,
    /// Rules that asked to store it.
    pub sids: &'a [u32],
}

/// A frame at its end.
#[derive(Debug)]
pub struct FrameRef<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The frame.
    pub frame: Frame<'a>,
}

/// Odd traffic.
#[derive(Debug)]
pub struct Odd<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// What.
    pub what: Oddity<'a>,
    /// The packet.
    pub packet: Option<&'a Packet<'a>>,
}

/// What is odd.
#[derive(Clone, Copy, Debug)]
pub enum Oddity<'a> {
    /// A packet or a TCP session.
    Packet(Anomaly),
    /// A protocol: its parser's event.
    App {
        /// Record name of the protocol.
        protocol: &'static str,
        /// Name of the event.
        event: &'static str,
        /// The transaction it belongs to.
        tx: Option<TxAt<'a>>,
    },
    /// Finding out the protocol.
    Detection {
        /// Record name of the protocol, if any.
        protocol: Option<&'static str>,
        /// Name of the event.
        event: &'static str,
    },
}

/// A flow at its end.
#[derive(Debug)]
pub struct FlowEnd<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The flow.
    pub flow: &'a Flow,
    /// Why it ended.
    pub end: End,
    /// TCP: what the session was like.
    pub tcp: Option<Summary>,
    /// Exception policies that were applied, each once.
    pub exceptions: &'a [(Trouble, Exception)],
}

/// A dropped packet.
#[derive(Debug)]
pub struct Dropped<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// Why.
    pub reason: DropReason,
    /// The rule on whose account, if it was a rule.
    pub rule: Option<&'a RuleInfo>,
    /// A reset or unreachable was sent to these sides.
    pub reject: Option<RejectTo>,
}

/// A packet that a rule's `tag` asked for.
#[derive(Debug)]
pub struct Tagged<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The packet.
    pub packet: &'a Packet<'a>,
}

/// A packet that was inspected.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// A rule has fired on it, or on its flow before.
    pub alerted: bool,
    /// A rule's `tag` asks for it.
    pub tagged: bool,
}

/// Variables that rules captured on a packet; they are those of its context.
#[derive(Debug)]
pub struct Variables<'a> {
    /// Where and when.
    pub context: Context<'a>,
}

/// An ARP packet.
#[derive(Debug)]
pub struct ArpRef<'a> {
    /// Where and when.
    pub context: Context<'a>,
    /// What it says.
    pub arp: Arp<'a>,
}
