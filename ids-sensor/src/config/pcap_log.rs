//! `pcap-log`: packets written to capture files.

use super::section::Section;
use crate::capture::filter::Filter;

/// Capture files that packets are written to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcapLog {
    /// Their name, relative to the log folder; the time of the first packet is put behind it.
    pub name: String,
    /// Begin a new file before one gets larger than this, in bytes before compression; 0: never.
    pub limit: u64,
    /// How many files of this run are kept; 0: all.
    pub keep: usize,
    /// Whether they are compressed (LZ4 frames).
    pub lz4: bool,
    /// Whether names tell microseconds.
    pub micros: bool,
    /// Which packets.
    pub which: Which,
    /// Whether flows that a `pass` rule lets through are left out.
    pub honor_pass: bool,
    /// Only packets that this filter wants.
    pub filter: Option<Filter>,
}

/// Which packets are written (`conditional`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All.
    All,
    /// Those of flows that a rule has fired on, and the payloads before.
    Alerts,
    /// Those that a rule's `tag` asks for.
    Tagged,
}

impl PcapLog {
    pub(super) fn read(s: &Section<'_>) -> Self {
        s.ignore(&["enabled", "dir", "lz4-level", "lz4-checksum"]);
        const WHICH: &[(&str, Which)] = &[("all", Which::All), ("alerts", Which::Alerts), ("tag", Which::Tagged)];
        if s.word("mode", &[("normal", false), ("multi", true), ("sguil", true)]) == Some(true) {
            warn(s, "mode", "there is one file at a time, as with `normal`");
        }
        if s.flag("use-stream-depth", false) {
            warn(s, "use-stream-depth", "packets beyond the stream's depth are written too");
        }
        let filter = s.text("bpf-filter").and_then(|text| {
            Filter::parse(text).unwrap_or_else(|error| {
                warn(s, "bpf-filter", &error.to_string());
                None
            })
        });
        Self {
            name: s.text_or("filename", "log.pcap"),
            limit: s.bytes("limit", 0),
            keep: s.number("max-files", 0),
            lz4: s.word("compression", &[("none", false), ("lz4", true)]).unwrap_or(false),
            micros: s.word("ts-format", &[("sec", false), ("usec", true)]).unwrap_or(false),
            which: s.word("conditional", WHICH).unwrap_or(Which::All),
            honor_pass: s.flag("honor-pass-rules", false),
            filter,
        }
    }
}

fn warn(s: &Section<'_>, key: &'static str, message: &str) {
    let line = s.node(key).map_or(0, |node| node.line);
    s.warnings().add(line, &s.path(key), message, "");
}
