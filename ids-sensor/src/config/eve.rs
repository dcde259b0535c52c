//! An `eve-log` instance: which records it writes, and what they show.

use ids_core::app::config::Hashes;
use ids_core::app::registry;

use super::node::{Node, Value};
use super::outputs::{LogFile, StatsRecord};
use super::section::{self, Section, nearest};

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
    /// `arp`
    pub arp: bool,
    /// `drop`
    pub drop: Option<Drop>,
    /// `fileinfo` (`files`)
    pub files: Option<Files>,
    /// `flow`
    pub flow: bool,
    /// `frame`
    pub frame: Option<Frame>,
    /// `metadata`
    pub metadata: bool,
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
    /// What WebSocket says in base64.
    pub websocket_payload: bool,
    /// What WebSocket says as text.
    pub websocket_payload_printable: bool,
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

/// Options of `frame`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Bytes of the frame that are shown.
    pub payload_limit: usize,
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
    /// Whether every file is said to be of a kind.
    pub magic: bool,
    /// The address behind a proxy.
    pub xff: Option<Xff>,
}

/// Options of a transaction record. Each protocol takes what it has a use for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    /// `event_type` of the record.
    pub record: String,
    /// Name of the protocol.
    pub proto: String,
    /// The longer form.
    pub extended: bool,
    /// Names of further fields, lower case.
    pub custom: Vec<String>,
    /// All headers of requests; of responses.
    pub all_headers: [bool; 2],
    /// Passwords are shown.
    pub passwords: bool,
    /// Bytes that are shown of long texts, if that is said.
    pub text_limit: Option<usize>,
    /// TLS: sessions without a certificate to show too.
    pub uncertified: bool,
    /// TLS: JA4 is shown in any case.
    pub ja4: bool,
    /// E-mail: the MD5 of the body is shown; that of the subject.
    pub mail_md5: [bool; 2],
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

/// Record types that are off where options are given and `enabled: yes` is none of them.
const OFF_BY_DEFAULT: &[&str] = &["arp", "frame", "pgsql"];

/// Further record types of the established engine, not written here.
const UNWRITTEN: &[&str] = &["stream", "tls-store", "ikev2"];

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
    pub(super) fn read(eve: &Section<'_>) -> Self {
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
            let usual = options.is_none() || !OFF_BY_DEFAULT.contains(&name);
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
                "arp" => self.arp = true,
                "frame" => self.frame = Some(Frame { payload_limit: payload_limit(s) }),
                "metadata" => self.metadata = true,
                "netflow" => self.netflow = true,
                "stats" => self.stats = Some(StatsRecord::read(s)),
                // Data connections are told of with the commands that bring them about.
                "ftp" => {
                    let ftp = Transaction::read(name, s, xff);
                    let data = Transaction { record: record("ftp-data"), proto: "ftp-data".to_owned(), ..ftp.clone() };
                    self.transactions.extend([ftp, data]);
                }
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
        let mut names =
            vec!["alert", "anomaly", "arp", "drop", "files", "flow", "frame", "metadata", "netflow", "stats"];
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

/// Bytes that are shown of a payload.
fn payload_limit(s: &Section<'_>) -> usize {
    usize::try_from(s.bytes("payload-buffer-size", 4096)).unwrap_or(usize::MAX)
}

impl Alert {
    fn read(s: &Section<'_>, xff: Option<&Xff>) -> Self {
        // Switches for single protocols are of older releases; `metadata.app-layer` replaced them.
        s.ignore(&["http", "tls", "ssh", "smtp", "dnp3", "reference"]);
        let mut alert = Self {
            payload: s.flag("payload", false),
            payload_printable: s.flag("payload-printable", false),
            payload_length: s.flag("payload-length", false),
            payload_limit: payload_limit(s),
            packet: s.flag("packet", false),
            http_body: s.flag("http-body", false),
            http_body_printable: s.flag("http-body-printable", false),
            websocket_payload: s.flag("websocket-payload", false),
            websocket_payload_printable: s.flag("websocket-payload-printable", false),
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
            websocket_payload: false,
            websocket_payload_printable: false,
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
            flow_start: s.word("flows", &[("all", false), ("start", true)]).unwrap_or(true),
            verdict: s.flag("verdict", false),
        }
    }
}

impl Files {
    pub(super) fn read(s: &Section<'_>, xff: Option<&Xff>) -> Self {
        let names = s.texts("force-hash").unwrap_or_default();
        let asked = |name: &str| names.iter().any(|asked| asked.eq_ignore_ascii_case(name));
        let md5 = asked("md5") || s.flag("force-md5", false);
        let hashes = Hashes { md5, sha1: asked("sha1"), sha256: asked("sha256") };
        Self { hashes, magic: s.flag("force-magic", false), xff: Xff::of(s, xff) }
    }
}

/// The `event_type` of the records that the configuration calls this: those of HTTP/2 are `http`, too.
fn record(name: &str) -> String {
    let known = registry::by_name(name).and_then(|id| id.protocol().record);
    known.map_or_else(|| name.replace('-', "_"), str::to_owned)
}

impl Transaction {
    fn read(name: &str, s: &Section<'_>, xff: Option<&Xff>) -> Self {
        // Of protocols that have no records here yet; their names must not look like mistakes.
        if name != "smtp" {
            s.ignore(&["md5"]);
        }
        if name != "tls" {
            s.ignore(&["session-resumption", "ja4"]);
        }
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
        let extended = s.flag("extended", !matches!(name, "tls" | "smtp" | "dhcp"));
        let digests = if name == "smtp" { s.texts("md5").unwrap_or_default() } else { Vec::new() };
        Self {
            record: record(name),
            proto: name.to_owned(),
            extended,
            uncertified: extended || !custom.is_empty() || s.flag("session-resumption", false),
            ja4: s.flag_opt("ja4").unwrap_or_else(|| custom.iter().any(|field| field == "ja4")),
            custom: custom.iter().map(|field| field.to_ascii_lowercase().replace('_', "-")).collect(),
            mail_md5: ["body", "subject"].map(|part| digests.iter().any(|digest| digest == part)),
            all_headers: s.word("dump-all-headers", HEADERS).unwrap_or_default(),
            passwords: s.flag("passwords", true),
            text_limit: s.bytes_opt("string-log-limit").map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
            version: s.number("version", 3),
            dirs: [dirs("requests", "query"), dirs("responses", "answer")],
            formats: [shown("detailed"), shown("grouped")],
            rrtypes: if name == "dns" { s.texts("types").unwrap_or_default() } else { Vec::new() },
            xff: Xff::of(s, xff),
        }
    }
}
