//! `outputs`: files that records are written to, stats.log and the alert store; `stats`.

use std::time::Duration;

use super::eve::Eve;
use super::file_store::FileStore;
use super::node::Value;
use super::pcap_log::PcapLog;
use super::scalar;
use super::section::{self, Section, Warnings};

/// All outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// EVE instances, in order.
    pub eve: Vec<Eve>,
    /// One line an alert.
    pub fast: Vec<LogFile>,
    /// Counters as a table.
    pub stats: Vec<StatsLog>,
    /// Capture files.
    pub pcap_log: Vec<PcapLog>,
    /// Where files from the traffic are stored.
    pub file_store: Option<FileStore>,
    /// Where certificates are stored.
    pub tls_store: Option<TlsStore>,
    /// The alert store.
    pub store: Option<Store>,
}

/// Where certificates are stored (`tls-store`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsStore {
    /// The folder, in the log folder; empty: that itself (`certs-log-dir`).
    pub folder: String,
    /// Most chains that are written in a run (`max-chains`).
    pub most: u64,
}

/// A file that lines are appended to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its name, relative to the log folder; may hold `strftime` codes.
    pub name: String,
    /// What stands behind the name.
    pub kind: FileKind,
    /// Whether what is there is kept.
    pub append: bool,
    /// Permissions.
    pub mode: Option<u32>,
    /// Begin a new file that often.
    pub rotate_interval: Option<Duration>,
    /// Begin a new file at that size, in bytes; 0: never.
    pub rotate_size: u64,
    /// How many rotated files are kept.
    pub rotate_keep: u32,
}

/// What lines are written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    Regular,
    /// A Unix stream socket that someone listens on.
    UnixStream,
    /// A Unix datagram socket: one record a datagram.
    UnixDatagram,
}

/// Options of `stats` records and of stats.log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatsRecord {
    /// Sums over all workers.
    pub totals: bool,
    /// Each worker.
    pub threads: bool,
    /// What changed since the last record.
    pub deltas: bool,
    /// Counters that are zero.
    pub nulls: bool,
}

/// stats.log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatsLog {
    /// Where it goes.
    pub file: LogFile,
    /// What it shows.
    pub show: StatsRecord,
}

/// The alert store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Its folder, relative to the log folder.
    pub folder: String,
    /// How long alerts are kept; zero: for good.
    pub max_age: Duration,
    /// Bytes on disk; zero: no limit.
    pub max_size: u64,
    /// How long a written alert may be lost by a crash.
    pub flush: Duration,
    /// Memory for reading and writing, in bytes.
    pub cache: u64,
    /// Bytes kept back so that a full disk can still be dealt with.
    pub reserve: u64,
}

/// `stats`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Whether counters are told at all.
    pub enabled: bool,
    /// How often.
    pub interval: Duration,
    /// Whether each decoder event is a counter.
    pub decoder_events: bool,
    /// Before their names.
    pub decoder_prefix: String,
    /// Whether each stream event is a counter.
    pub stream_events: bool,
}

/// Chains of certificates where the configuration does not say how many.
const MAX_CHAINS: u64 = 100_000;

/// Outputs of the established engine that do not exist here.
const UNWRITTEN_OUTPUTS: &[&str] = &[
    "tls-log",
    "http-log",
    "syslog",
    "alert-debug",
    "alert-prelude",
    "lua",
    "tcp-data",
    "http-body-data",
    "unified2-alert",
    "drop",
    "dns-log",
    "file-log",
    "file",
];

impl Outputs {
    /// Whether no record goes anywhere.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn read(root: &Section<'_>, refusals: &Warnings) -> Self {
        let mut outputs = Self::default();
        let Some(node) = root.node("outputs") else { return outputs };
        let Value::List(items) = &node.value else {
            root.warnings().add(node.line, "outputs", "expected a list", "put a dash before each output");
            return outputs;
        };
        for (at, item) in items.iter().enumerate() {
            let path = format!("outputs.{at}");
            section::read(Some(item), &path, root.warnings(), |output| outputs.add(output, refusals));
        }
        outputs
    }

    fn add(&mut self, output: &Section<'_>, refusals: &Warnings) {
        let listed = |key, with: &mut dyn FnMut(&Section<'_>)| {
            if output.has(key) {
                output.section(key, |section| {
                    if section.flag("enabled", true) {
                        with(section);
                    } else {
                        section.entries();
                    }
                });
            }
        };
        listed("eve-log", &mut |eve| self.eve.push(Eve::read(eve)));
        listed("fast", &mut |fast| self.fast.push(LogFile::read(fast, "fast.log")));
        listed("stats", &mut |stats| {
            let show = StatsRecord { nulls: stats.flag("null-values", false), ..StatsRecord::read(stats) };
            self.stats.push(StatsLog { file: LogFile::read(stats, "stats.log"), show });
        });
        listed("pcap-log", &mut |pcap_log| self.pcap_log.push(PcapLog::read(pcap_log)));
        listed("file-store", &mut |store| {
            self.file_store = FileStore::read(store, refusals).or(self.file_store.take())
        });
        listed("tls-store", &mut |store| {
            store.ignore(&["enabled"]);
            let (folder, most) = (store.text_or("certs-log-dir", ""), store.number("max-chains", MAX_CHAINS));
            self.tls_store = Some(TlsStore { folder, most });
        });
        listed("store", &mut |store| self.store = Some(Store::read(store)));
        for &key in UNWRITTEN_OUTPUTS {
            let Some(node) = output.node(key) else { continue };
            let enabled = node
                .get("enabled")
                .is_some_and(|flag| matches!(&flag.value, Value::Text(text) if scalar::boolean(text) == Some(true)));
            if enabled {
                output.warnings().add(node.line, &output.path(key), "this output does not exist here", "");
            }
        }
    }
}

impl LogFile {
    pub(super) fn read(section: &Section<'_>, name: &str) -> Self {
        const KINDS: &[(&str, FileKind)] = &[
            ("regular", FileKind::Regular),
            ("file", FileKind::Regular),
            ("unix_stream", FileKind::UnixStream),
            ("unix_dgram", FileKind::UnixDatagram),
        ];
        section.ignore(&["enabled", "threaded", "buffer-size", "identity", "facility", "level", "redis", "json"]);
        Self {
            name: section.text_or("filename", name),
            kind: section.word("filetype", KINDS).unwrap_or(FileKind::Regular),
            append: section.flag("append", true),
            mode: section.parsed("filemode", "permissions such as 640", |text| u32::from_str_radix(text, 8).ok()),
            rotate_interval: section.duration_opt("rotate-interval").filter(|span| !span.is_zero()),
            rotate_size: section.bytes("rotate-size", 1 << 30),
            rotate_keep: section.number("rotate-keep", 3),
        }
    }
}

impl Default for LogFile {
    fn default() -> Self {
        Self {
            name: "eve.json".into(),
            kind: FileKind::Regular,
            append: true,
            mode: None,
            rotate_interval: None,
            rotate_size: 1 << 30,
            rotate_keep: 3,
        }
    }
}

impl StatsRecord {
    pub(super) fn read(s: &Section<'_>) -> Self {
        Self {
            totals: s.flag("totals", true),
            threads: s.flag("threads", false),
            deltas: s.flag("deltas", false),
            nulls: s.flag("null-values", true),
        }
    }
}

impl Default for StatsRecord {
    fn default() -> Self {
        Self { totals: true, threads: false, deltas: false, nulls: true }
    }
}

impl Store {
    fn read(s: &Section<'_>) -> Self {
        s.ignore(&["enabled"]);
        let usual = Self::default();
        Self {
            folder: s.text_or("folder", &usual.folder),
            max_age: s.duration("max-age", usual.max_age),
            max_size: s.bytes("max-size", usual.max_size),
            flush: s.duration("flush-interval", usual.flush),
            cache: s.bytes("cache", usual.cache),
            reserve: s.bytes("reserve", usual.reserve),
        }
    }
}

impl Default for Store {
    fn default() -> Self {
        Self {
            folder: "store".into(),
            max_age: Duration::from_secs(30 * 86_400),
            max_size: 2 << 30,
            flush: Duration::from_secs(1),
            cache: 32 << 20,
            reserve: 64 << 20,
        }
    }
}

impl Stats {
    pub(super) fn read(root: &Section<'_>) -> Self {
        root.section("stats", |stats| {
            stats.ignore(&["exception-policy"]);
            Self {
                enabled: stats.flag("enabled", true),
                interval: stats.duration("interval", Duration::from_secs(8)),
                decoder_events: stats.flag("decoder-events", true),
                decoder_prefix: stats.text_or("decoder-events-prefix", "decoder.event"),
                stream_events: stats.flag("stream-events", false),
            }
        })
    }
}
