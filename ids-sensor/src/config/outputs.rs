//! `outputs`: EVE instances with their record types, fast.log, stats.log and the alert store; `stats`.

use std::time::Duration;

use super::node::{Node, Value};
use super::scalar;
use super::section::{self, Section, nearest};

/// All outputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outputs {
    /// EVE instances, in order.
    pub eve: Vec<Eve>,
    /// One line an alert.
    pub fast: Vec<LogFile>,
    /// Counters as a table.
    pub stats: Vec<StatsLog>,
    /// The alert store.
    pub store: Option<Store>,
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

/// An EVE instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Eve {
    /// Where records go.
    pub file: LogFile,
    /// Text before each record.
    pub prefix: String,
    /// Whether records show the variables of their flow.
    pub metadata: bool,
    /// Whether records show MAC addresses.
    pub ethernet: bool,
    /// Whether records name the program's version.
    pub version: bool,
    /// Whether records name the capture file.
    pub pcap_file: bool,
    /// The seed of the community id, if it is shown.
    pub community_id: Option<u16>,
    /// Which records there are.
    pub types: Types,
}

/// The record types of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Types {
    /// `alert`
    pub alert: Option<Alert>,
    /// `anomaly`
    pub anomaly: Option<Anomaly>,
    /// `drop`
    pub drop: Option<Drop>,
    /// `fileinfo` (`files`)
    pub files: Option<Files>,
    /// `flow`
    pub flow: bool,
    /// `netflow`
    pub netflow: bool,
    /// `stats`
    pub stats: Option<StatsRecord>,
    /// Transactions of protocols.
    pub transactions: Vec<Transaction>,
}

/// `xff`: the address that a proxy puts into a header stands for the client's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Xff {
    /// Whether it replaces the address, rather than standing besides.
    pub overwrite: bool,
    /// Whether the proxy is the server's (the last address counts), rather than the client's (the first).
    pub reverse: bool,
    /// The header, lower case.
    pub header: String,
}

/// Options of `alert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Payload in base64.
    pub payload: bool,
    /// Payload as text.
    pub payload_printable: bool,
    /// How long the payload is.
    pub payload_length: bool,
    /// Bytes of it that are shown.
    pub payload_limit: usize,
    /// The packet in base64.
    pub packet: bool,
    /// HTTP bodies in base64.
    pub http_body: bool,
    /// HTTP bodies as text.
    pub http_body_printable: bool,
    /// The transaction.
    pub app_layer: bool,
    /// The flow's counters.
    pub flow: bool,
    /// `metadata` of the rule.
    pub rule_metadata: bool,
    /// The rule as it was written.
    pub rule_raw: bool,
    /// References of the rule.
    pub rule_reference: bool,
    /// Packets that follow because of `tag`.
    pub tagged: bool,
    /// What became of the packet.
    pub verdict: bool,
    /// The address behind a proxy.
    pub xff: Option<Xff>,
}

/// Options of `anomaly`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// Those of decoding.
    pub decode: bool,
    /// Those of TCP.
    pub stream: bool,
    /// Those of protocols.
    pub app_layer: bool,
    /// The headers of the packet in base64.
    pub packet_header: bool,
}

/// Options of `drop`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// Show the alert on whose account.
    pub alerts: bool,
    /// One record for each direction of a flow, rather than one for each packet.
    pub flow_start: bool,
    /// What became of the packet.
    pub verdict: bool,
}

/// Options of `files`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    /// Digests that every file gets.
    pub hashes: Hashes,
    /// The address behind a proxy.
    pub xff: Option<Xff>,
}

/// Digests of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hashes {
    /// MD5.
    pub md5: bool,
    /// SHA-1.
    pub sha1: bool,
    /// SHA-256.
    pub sha256: bool,
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

/// Options of a transaction record. Each protocol takes what it has a use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// `event_type` of the record.
    pub record: String,
    /// The longer form.
    pub extended: bool,
    /// Names of further fields, lower case.
    pub custom: Vec<String>,
    /// All headers of requests; of responses.
    pub all_headers: [bool; 2],
    /// 2 for the old form of DNS records.
    pub version: u8,
    /// DNS: requests; responses.
    pub dirs: [bool; 2],
    /// DNS: answers one by one; grouped.
    pub formats: [bool; 2],
    /// DNS: only these types of questions; empty: all.
    pub rrtypes: Vec<String>,
    /// The address behind a proxy.
    pub xff: Option<Xff>,
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

/// Record types that protocols may have; names as in configuration files.
const TRANSACTIONS: &[&str] = &[
    "http",
    "dns",
    "mdns",
    "tls",
    "smtp",
    "ftp",
    "ftp-data",
    "rdp",
    "nfs",
    "smb",
    "tftp",
    "ike",
    "dcerpc",
    "krb5",
    "bittorrent-dht",
    "snmp",
    "rfb",
    "sip",
    "quic",
    "ldap",
    "pop3",
    "arp",
    "dhcp",
    "ssh",
    "mqtt",
    "http2",
    "doh2",
    "pgsql",
    "modbus",
    "dnp3",
    "enip",
    "ntp",
    "websocket",
    "telnet",
    "imap",
];

/// Record types that are off unless they say `enabled: yes`.
const OFF_BY_DEFAULT: &[&str] = &["arp", "pgsql"];

/// Further record types of the established engine, not written here.
const UNWRITTEN: &[&str] = &["frame", "stream", "metadata", "tls-store", "ikev2"];

/// Outputs of the established engine that do not exist here.
const UNWRITTEN_OUTPUTS: &[&str] = &[
    "file-store",
    "pcap-log",
    "tls-store",
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
    pub(super) fn read(root: &Section<'_>) -> Self {
        let mut outputs = Self::default();
        let Some(node) = root.node("outputs") else { return outputs };
        let Value::List(items) = &node.value else {
            root.warnings().add(node.line, "outputs", "expected a list", "put a dash before each output");
            return outputs;
        };
        for (at, item) in items.iter().enumerate() {
            let path = format!("outputs.{at}");
            section::read(Some(item), &path, root.warnings(), |output| outputs.add(output));
        }
        outputs
    }

    fn add(&mut self, output: &Section<'_>) {
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
    fn read(section: &Section<'_>, name: &str) -> Self {
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

impl Default for Eve {
    /// What is shown where nothing is said; no record types.
    fn default() -> Self {
        Self {
            file: LogFile::default(),
            prefix: String::new(),
            metadata: true,
            ethernet: false,
            version: false,
            pcap_file: false,
            community_id: None,
            types: Types::default(),
        }
    }
}

impl Eve {
    fn read(eve: &Section<'_>) -> Self {
        let seed = eve.number("community-id-seed", 0);
        let xff = Xff::read(eve);
        Self {
            file: LogFile::read(eve, "eve.json"),
            prefix: eve.text_or("prefix", ""),
            metadata: eve.flag("metadata", true),
            ethernet: eve.flag("ethernet", false),
            version: eve.flag("suricata-version", false),
            pcap_file: eve.flag("pcap-file", false),
            community_id: eve.flag("community-id", false).then_some(seed),
            types: Types::read(eve, xff.as_ref()),
        }
    }
}

impl Types {
    fn read(eve: &Section<'_>, xff: Option<&Xff>) -> Self {
        let mut types = Self::default();
        let Some(node) = eve.node("types") else { return types };
        let Value::List(items) = &node.value else {
            eve.warnings().add(node.line, &eve.path("types"), "expected a list", "put a dash before each type");
            return types;
        };
        for (at, item) in items.iter().enumerate() {
            let path = eve.path(&format!("types.{at}"));
            match &item.value {
                Value::Text(name) => types.add(name, None, item.line, &path, eve, xff),
                Value::Map(map) => {
                    for (name, options) in map {
                        types.add(name, Some(options), options.line, &path, eve, xff);
                    }
                }
                Value::Null | Value::List(_) => eve.warnings().add(item.line, &path, "expected a record type", ""),
            }
        }
        types
    }

    fn add(
        &mut self,
        name: &str,
        options: Option<&Node>,
        line: usize,
        path: &str,
        eve: &Section<'_>,
        xff: Option<&Xff>,
    ) {
        let path = format!("{path}.{name}");
        section::read(options, &path, eve.warnings(), |s| {
            let usual = !OFF_BY_DEFAULT.contains(&name);
            if !s.flag("enabled", usual) {
                s.entries();
                return;
            }
            match name {
                "alert" => self.alert = Some(Alert::read(s, xff)),
                "anomaly" => self.anomaly = Some(Anomaly::read(s)),
                "drop" => self.drop = Some(Drop::read(s)),
                "files" => self.files = Some(Files::read(s, xff)),
                "flow" => {
                    s.ignore(&["exception-policy"]);
                    self.flow = true;
                }
                "netflow" => self.netflow = true,
                "stats" => self.stats = Some(StatsRecord::read(s)),
                name if TRANSACTIONS.contains(&name) => self.transactions.push(Transaction::read(name, s, xff)),
                name if UNWRITTEN.contains(&name) => {
                    s.entries();
                    eve.warnings().add(line, &path, "records of this type are not written", "");
                }
                name => self.unknown(name, line, &path, s),
            }
        });
    }

    fn unknown(&self, name: &str, line: usize, path: &str, section: &Section<'_>) {
        section.entries();
        let mut names = vec!["alert", "anomaly", "drop", "files", "flow", "netflow", "stats"];
        names.extend(TRANSACTIONS);
        let help = nearest(name, &names).map_or(String::new(), |near| format!("did you mean `{near}`?"));
        section.warnings().add(line, path, "unknown record type", help);
    }
}

impl Xff {
    /// `xff`, unless it is off.
    fn read(section: &Section<'_>) -> Option<Self> {
        section.section("xff", |xff| {
            let enabled = xff.flag("enabled", false);
            let overwrite = xff.word("mode", &[("extra-data", false), ("overwrite", true)]).unwrap_or(false);
            let reverse = xff.word("deployment", &[("reverse", true), ("forward", false)]).unwrap_or(true);
            let header = xff.text_or("header", "X-Forwarded-For").to_ascii_lowercase();
            enabled.then_some(Self { overwrite, reverse, header })
        })
    }

    /// A record type's own `xff`, else that of its instance.
    fn of(section: &Section<'_>, instance: Option<&Self>) -> Option<Self> {
        if section.has("xff") { Self::read(section) } else { instance.cloned() }
    }
}

impl Alert {
    fn read(s: &Section<'_>, xff: Option<&Xff>) -> Self {
        // Switches for single protocols are of older releases; `metadata.app-layer` replaced them.
        s.ignore(&[
            "http",
            "tls",
            "ssh",
            "smtp",
            "dnp3",
            "websocket-payload",
            "websocket-payload-printable",
            "reference",
        ]);
        let mut alert = Self {
            payload: s.flag("payload", false),
            payload_printable: s.flag("payload-printable", false),
            payload_length: s.flag("payload-length", false),
            payload_limit: usize::try_from(s.bytes("payload-buffer-size", 4096)).unwrap_or(usize::MAX),
            packet: s.flag("packet", false),
            http_body: s.flag("http-body", false),
            http_body_printable: s.flag("http-body-printable", false),
            tagged: s.flag("tagged-packets", true),
            verdict: s.flag("verdict", false),
            xff: Xff::of(s, xff),
            ..Self::default()
        };
        match s.node("metadata").map(|node| &node.value) {
            Some(Value::Text(_)) => alert.metadata(s.flag("metadata", true)),
            _ => s.section("metadata", |metadata| {
                alert.app_layer = metadata.flag("app-layer", true);
                alert.flow = metadata.flag("flow", true);
                match metadata.node("rule").map(|node| &node.value) {
                    Some(Value::Text(_)) => alert.rule_metadata = metadata.flag("rule", true),
                    _ => metadata.section("rule", |rule| {
                        alert.rule_metadata = rule.flag("metadata", true);
                        alert.rule_raw = rule.flag("raw", false);
                        alert.rule_reference = rule.flag("reference", false);
                    }),
                }
            }),
        }
        alert
    }

    /// All that `metadata: yes` or `no` stands for.
    fn metadata(&mut self, on: bool) {
        (self.app_layer, self.flow, self.rule_metadata) = (on, on, on);
    }
}

impl Default for Alert {
    /// What is shown where nothing is said.
    fn default() -> Self {
        Self {
            payload: false,
            payload_printable: false,
            payload_length: false,
            payload_limit: 4096,
            packet: false,
            http_body: false,
            http_body_printable: false,
            app_layer: true,
            flow: true,
            rule_metadata: true,
            rule_raw: false,
            rule_reference: false,
            tagged: true,
            verdict: false,
            xff: None,
        }
    }
}

impl Anomaly {
    fn read(s: &Section<'_>) -> Self {
        let packet_header = s.flag("packethdr", false);
        s.section("types", |types| Self {
            decode: types.flag("decode", false),
            stream: types.flag("stream", false),
            app_layer: types.flag("applayer", true),
            packet_header,
        })
    }
}

impl Drop {
    fn read(s: &Section<'_>) -> Self {
        Self {
            alerts: s.flag("alerts", true),
            flow_start: s.word("flows", &[("all", false), ("start", true)]).unwrap_or(false),
            verdict: s.flag("verdict", false),
        }
    }
}

impl Files {
    fn read(s: &Section<'_>, xff: Option<&Xff>) -> Self {
        s.ignore(&["force-magic"]);
        let names = s.texts("force-hash").unwrap_or_default();
        let asked = |name: &str| names.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        let md5 = asked("md5") || s.flag("force-md5", false);
        Self { hashes: Hashes { md5, sha1: asked("sha1"), sha256: asked("sha256") }, xff: Xff::of(s, xff) }
    }
}

impl StatsRecord {
    fn read(s: &Section<'_>) -> Self {
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

impl Transaction {
    fn read(name: &str, s: &Section<'_>, xff: Option<&Xff>) -> Self {
        // Of protocols that have no records here yet; their names must not look like mistakes.
        s.ignore(&["session-resumption", "ja4", "md5", "passwords", "string-log-limit"]);
        if !matches!(name, "http" | "dns" | "mdns") {
            s.ignore(&["types"]);
        }
        let dirs = |new, old| s.flag_opt(new).or_else(|| s.flag_opt(old)).unwrap_or(true);
        let custom = s.texts("custom").unwrap_or_default();
        let formats = s.texts("formats");
        let shown = |name: &str| formats.as_ref().is_none_or(|list| list.iter().any(|format| format == name));
        const HEADERS: &[(&str, [bool; 2])] = &[
            ("none", [false, false]),
            ("both", [true, true]),
            ("request", [true, false]),
            ("response", [false, true]),
        ];
        Self {
            record: name.replace('-', "_"),
            extended: s.flag("extended", true),
            custom: custom.iter().map(|field| field.to_ascii_lowercase().replace('_', "-")).collect(),
            all_headers: s.word("dump-all-headers", HEADERS).unwrap_or_default(),
            version: s.number("version", 3),
            dirs: [dirs("requests", "query"), dirs("responses", "answer")],
            formats: [shown("detailed"), shown("grouped")],
            rrtypes: if name == "dns" { s.texts("types").unwrap_or_default() } else { Vec::new() },
            xff: Xff::of(s, xff),
        }
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
