//! Protocols and detection: settings in the shape that `ids-core` takes.
//!
//! The one place where configuration keys meet the engine's own settings.

use ids_core::app::config::{Config as App, Encrypted, Files, Hashes, Switch};
use ids_core::app::dcerpc;
use ids_core::app::dnp3;
use ids_core::app::file::{Care, Kinds, Room, Wanted};
use ids_core::app::ftp;
use ids_core::app::ldap;
use ids_core::app::mime;
use ids_core::app::mqtt;
use ids_core::app::smb;
use ids_core::app::smtp;
use ids_core::app::ssh;
use ids_core::app::tls::{self, Ja4};
use ids_core::app::{http, http1, http2, websocket};
use ids_core::detect::describe::Grouping;

use super::outputs::Outputs;
use super::scalar;
use super::section::{self, Section};
use super::traffic::Traffic;
use crate::magic;

/// The settings.
#[derive(Clone, Debug)]
pub struct Engine {
    /// Protocol parsers.
    pub app: App,
    /// Detection.
    pub detect: Detect,
}

/// `detect`, `pcre`, `mpm-algo`, `packet-alert-max`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detect {
    /// Alerts that one packet may have.
    pub alerts_per_packet: usize,
    /// Steps a backtracking regular expression may take.
    pub pcre_steps: usize,
    /// The multi-pattern matcher asked for; empty: the sensor's choice; `off`: every rule is looked at.
    pub mpm: String,
    /// Nesting of content matching in one buffer.
    pub recursion_limit: u32,
    /// Whether an alert on a packet names the only transaction it can mean.
    pub guess_tx: bool,
    /// Whether keywords without a multi-pattern match narrow rules down too (`prefilter.default: auto`).
    pub prefilter_auto: bool,
    /// How the analysis of rules groups ports.
    pub grouping: Grouping,
}

impl Engine {
    pub(super) fn read(root: &Section<'_>, outputs: &Outputs, traffic: &Traffic) -> Self {
        let store = outputs.file_store.as_ref();
        let files = Files {
            care: Care {
                wanted: wanted(outputs),
                kinds: Kinds::new(magic::name),
                room: store.map_or_else(Room::default, |store| Room::new(store.memory)),
            },
            store: store.is_some(),
            depth: store.and_then(|store| store.depth(traffic.stream.depth, root.warnings())),
        };
        Self {
            app: root.section("app-layer", |app| {
                app.ignore(&["error-policy"]);
                App { files, ..protocols(app) }
            }),
            detect: Detect::read(root),
        }
    }
}

/// What any output wants of every file.
fn wanted(outputs: &Outputs) -> Wanted {
    let told = outputs.eve.iter().filter_map(|eve| eve.types.files.as_ref());
    let told = told.map(|files| Wanted { hashes: files.hashes, kind: files.magic, ..Wanted::default() });
    let stored = outputs.file_store.iter().map(|store| Wanted {
        hashes: Hashes { sha256: true, ..store.hashes },
        kind: store.magic,
        content: store.force,
        all: store.force,
    });
    told.chain(stored).fold(Wanted::default(), Wanted::or)
}

/// `app-layer.protocols`: each key is a protocol, so none is unknown.
fn protocols(app: &Section<'_>) -> App {
    let mut settings = App::default();
    app.section("protocols", |list| {
        for (name, node) in list.entries() {
            section::read(Some(node), &list.path(name), list.warnings(), |protocol| {
                settings.protocols.push(switch(name, protocol));
                match name.as_str() {
                    "ftp" => settings.ftp = ftp(protocol),
                    "http" => settings.http1 = http1(protocol),
                    "http2" => settings.http2 = http2(protocol),
                    "dcerpc" => settings.dcerpc = dcerpc(protocol),
                    "ldap" => settings.ldap = ldap(protocol),
                    "dnp3" => settings.dnp3 = dnp3(protocol),
                    "mqtt" => settings.mqtt = mqtt(protocol),
                    "smb" => settings.smb = smb(protocol),
                    "smtp" => settings.smtp = smtp(protocol),
                    "ssh" => settings.ssh = ssh(protocol),
                    "tls" => settings.tls = tls(protocol),
                    "websocket" => settings.websocket = websocket(protocol),
                    _ => {}
                }
                // Each protocol has settings of its own; those without a parser here are not looked at.
                protocol.entries();
            });
        }
    });
    settings
}

/// `enabled` and `detection-ports` of a protocol, for both transports or for each.
fn switch(name: &str, protocol: &Section<'_>) -> Switch {
    #[derive(Clone, Copy, PartialEq)]
    enum Use {
        Off,
        Detect,
        Parse,
    }
    let used = |section: &Section<'_>| {
        section.parsed("enabled", "yes, no or detection-only", |text| match text {
            "detection-only" => Some(Use::Detect),
            text => scalar::boolean(text).map(|on| if on { Use::Parse } else { Use::Off }),
        })
    };
    let ports = |section: &Section<'_>| {
        section.section("detection-ports", |ports| {
            ports.ignore(&["sp", "toserver", "toclient"]);
            ports.parsed("dp", "a list of ports", scalar::ports)
        })
    };
    let both = ports(protocol);
    let transport = |key| {
        protocol.section(key, |section| {
            section.entries();
            (used(section), ports(section))
        })
    };
    let ((tcp, tcp_ports), (udp, udp_ports)) = (transport("tcp"), transport("udp"));
    let asked = used(protocol).or(match (tcp, udp) {
        (Some(Use::Off), Some(Use::Off)) => Some(Use::Off),
        (Some(Use::Parse), _) | (_, Some(Use::Parse)) => Some(Use::Parse),
        (either, other) => either.or(other),
    });
    let asked = asked.unwrap_or(Use::Parse);
    Switch {
        name: name.to_owned(),
        detect: asked != Use::Off,
        parse: asked == Use::Parse,
        tcp_ports: tcp_ports.or_else(|| both.clone()),
        udp_ports: udp_ports.or(both),
    }
}

/// `ftp`: how much is read. Memory is bounded by that, so `memcap` has no counterpart here.
fn ftp(protocol: &Section<'_>) -> ftp::Config {
    let usual = ftp::Config::default();
    ftp::Config {
        max_line: size(protocol, "max-line-length", usual.max_line).max(1),
        max_tx: protocol.number("max-tx", usual.max_tx),
    }
}

/// `http.libhtp.default-config`.
fn http1(protocol: &Section<'_>) -> http1::Config {
    let usual = http1::Config::default();
    let content = http::Config::default();
    protocol.section("libhtp", |libhtp| {
        libhtp.ignore(&["server-config"]);
        libhtp.section("default-config", |config| {
            // Not all keys have a counterpart here.
            config.entries();
            http1::Config {
                content: http::Config {
                    request_body_limit: config.bytes("request-body-limit", content.request_body_limit),
                    response_body_limit: config.bytes("response-body-limit", content.response_body_limit),
                    request_inspect_minimum: size(
                        config,
                        "request-body-minimal-inspect-size",
                        content.request_inspect_minimum,
                    ),
                    request_inspect_window: size(config, "request-body-inspect-window", content.request_inspect_window),
                    response_inspect_minimum: size(
                        config,
                        "response-body-minimal-inspect-size",
                        content.response_inspect_minimum,
                    ),
                    response_inspect_window: size(
                        config,
                        "response-body-inspect-window",
                        content.response_inspect_window,
                    ),
                    decompress_layers: config.number("response-body-decompress-layer-limit", content.decompress_layers),
                    lzma_enabled: config.flag("lzma-enabled", content.lzma_enabled),
                    lzma_memory_limit: u32::try_from(config.bytes("lzma-memlimit", content.lzma_memory_limit.into()))
                        .unwrap_or(u32::MAX),
                    compression_bomb_limit: config.bytes("compression-bomb-limit", content.compression_bomb_limit),
                },
                field_limit: size(config, "meta-field-limit", usual.field_limit),
                headers_limit: config.number("headers-limit", usual.headers_limit),
                max_tx: config.number("max-tx", usual.max_tx),
                double_decode_path: config.flag("double-decode-path", usual.double_decode_path),
                double_decode_query: config.flag("double-decode-query", usual.double_decode_query),
            }
        })
    })
}

/// `http2`: limits.
fn http2(protocol: &Section<'_>) -> http2::Config {
    let usual = http2::Config::default();
    http2::Config {
        max_streams: protocol.number("max-streams", usual.max_streams),
        max_table: size(protocol, "max-table-size", usual.max_table),
        max_block: size(protocol, "max-reassembly-size", usual.max_block),
        ..usual
    }
}

/// `smtp`: how messages are taken apart, and how much of files is looked at.
fn smtp(protocol: &Section<'_>) -> smtp::Config {
    let usual = mime::Config::default();
    let looked_at = protocol.section("inspected-tracker", |tracker| {
        (
            tracker.bytes("content-limit", usual.content_limit),
            size(tracker, "content-inspect-min-size", usual.inspect_minimum),
            size(tracker, "content-inspect-window", usual.inspect_window),
        )
    });
    let (content_limit, inspect_minimum, inspect_window) = looked_at;
    let mime = protocol.section("mime", |mime| mime::Config {
        decode: mime.flag("decode-mime", usual.decode),
        base64: mime.flag("decode-base64", usual.base64),
        quoted_printable: mime.flag("decode-quoted-printable", usual.quoted_printable),
        header_depth: size(mime, "header-value-depth", usual.header_depth),
        urls: mime.flag("extract-urls", usual.urls),
        url_schemes: mime.texts("extract-urls-schemes").map_or(usual.url_schemes, |schemes| {
            schemes.into_iter().map(|scheme| scheme.to_ascii_lowercase().into()).collect()
        }),
        shows_scheme: mime.flag("log-url-scheme", usual.shows_scheme),
        body_md5: mime.flag("body-md5", usual.body_md5),
        content_limit,
        inspect_minimum,
        inspect_window,
    });
    smtp::Config { raw: protocol.flag("raw-extraction", false), mime }
}

/// `tls`: which fingerprints are made. `auto` is for whoever asks.
fn tls(protocol: &Section<'_>) -> tls::Config {
    let asked = |key| {
        protocol.parsed(key, "yes, no or auto", |text| match text {
            "auto" => Some(None),
            text => scalar::boolean(text).map(Some),
        })
    };
    let usual = tls::Config::default();
    tls::Config {
        ja3: asked("ja3-fingerprints").flatten().unwrap_or(usual.ja3),
        ja4: match asked("ja4-fingerprints").flatten() {
            Some(true) => Ja4::Shown,
            Some(false) => Ja4::Off,
            None => usual.ja4,
        },
        encrypted: encrypted(protocol),
    }
}

/// `dcerpc`: limits.
fn dcerpc(protocol: &Section<'_>) -> dcerpc::Config {
    dcerpc::Config { max_tx: protocol.number("max-tx", dcerpc::Config::default().max_tx) }
}

/// `smb`: limits.
fn smb(protocol: &Section<'_>) -> smb::Config {
    let usual = smb::Config::default();
    let queue = |size, pieces, usual: smb::Limits| smb::Limits {
        size: protocol.bytes(size, usual.size),
        pieces: protocol.number(pieces, usual.pieces),
    };
    smb::Config {
        max_tx: protocol.number("max-tx", usual.max_tx),
        max_read_size: protocol.bytes("max-read-size", usual.max_read_size),
        max_write_size: protocol.bytes("max-write-size", usual.max_write_size),
        read_queue: queue("max-read-queue-size", "max-read-queue-cnt", usual.read_queue),
        write_queue: queue("max-write-queue-size", "max-write-queue-cnt", usual.write_queue),
    }
}

/// `websocket`: how much of a message is kept.
fn websocket(protocol: &Section<'_>) -> websocket::Config {
    websocket::Config { max_payload: size(protocol, "max-payload-size", websocket::Config::default().max_payload) }
}

/// `ssh`: whether HASSH is made. `auto` is for whoever asks.
fn ssh(protocol: &Section<'_>) -> ssh::Config {
    let asked = protocol.parsed("hassh", "yes, no or auto", |text| match text {
        "auto" => Some(None),
        text => scalar::boolean(text).map(Some),
    });
    ssh::Config { hassh: asked.flatten().unwrap_or(ssh::Config::default().hassh), encrypted: encrypted(protocol) }
}

/// `ldap`: how many requests may be open.
fn ldap(protocol: &Section<'_>) -> ldap::Config {
    ldap::Config { max_tx: protocol.number("max-tx", ldap::Config::default().max_tx).max(1) }
}

/// `dnp3`: how much of a fragment is read, and what is a flood.
fn dnp3(protocol: &Section<'_>) -> dnp3::Config {
    let usual = dnp3::Config::default();
    dnp3::Config {
        max_tx: protocol.number("max-tx", usual.max_tx),
        max_points: protocol.number("max-points", usual.max_points),
        max_objects: protocol.number("max-objects", usual.max_objects),
    }
}

/// `mqtt`: how much is kept. A limit of topics that is negative or 0 is none.
fn mqtt(protocol: &Section<'_>) -> mqtt::Config {
    let usual = mqtt::Config::default();
    let topics = |key, usual| match protocol.number::<i64>(key, usual) {
        limit @ 1.. => usize::try_from(limit).unwrap_or(usize::MAX),
        _ => usize::MAX,
    };
    mqtt::Config {
        max_message: size(protocol, "max-msg-length", usual.max_message),
        max_tx: protocol.number("max-tx", usual.max_tx).max(1),
        topics: [topics("subscribe-topic-match-limit", 100), topics("unsubscribe-topic-match-limit", 100)],
    }
}

/// What becomes of connections once they are encrypted.
fn encrypted(protocol: &Section<'_>) -> Encrypted {
    const HANDLING: &[(&str, Encrypted)] = &[
        ("default", Encrypted::TrackOnly),
        ("track-only", Encrypted::TrackOnly),
        ("bypass", Encrypted::Bypass),
        ("full", Encrypted::Full),
    ];
    protocol.word("encryption-handling", HANDLING).unwrap_or_default()
}

/// A size in bytes that stays in memory.
fn size(section: &Section<'_>, key: &'static str, usual: usize) -> usize {
    usize::try_from(section.bytes(key, usual as u64)).unwrap_or(usize::MAX)
}

/// `custom-values`, which count with `profile: custom` alone, and `grouping`.
fn grouping(detect: &Section<'_>) -> Grouping {
    let usual = Grouping::default();
    let custom = detect.text("profile") == Some("custom");
    let [to_server, to_client] = detect.section("custom-values", |values| {
        values.ignore(&["toclient-sp-groups", "toclient-dp-groups", "toserver-sp-groups", "toserver-dp-groups"]);
        ["toserver-groups", "toclient-groups"].map(|key| values.number_opt(key).filter(|_| custom))
    });
    let most = [to_server.unwrap_or(usual.most[0]), to_client.unwrap_or(usual.most[1])];
    let first = detect.section("grouping", |grouping| {
        let ports = |key, older| {
            grouping.parsed(key, "ports", scalar::ports).or(grouping.parsed(older, "ports", scalar::ports))
        };
        [ports("tcp-priority-ports", "tcp-whitelist"), ports("udp-priority-ports", "udp-whitelist")]
    });
    let [tcp, udp] = usual.first;
    let [own_tcp, own_udp] = first.map(|ports| ports.map(|ports| ports.into_iter().map(|port| (port, port)).collect()));
    Grouping { most, first: [own_tcp.unwrap_or(tcp), own_udp.unwrap_or(udp)] }
}

impl Detect {
    fn read(root: &Section<'_>) -> Self {
        let pcre_steps = root.section("pcre", |pcre| {
            pcre.ignore(&["match-limit-recursion"]);
            pcre.number("match-limit", 1_000_000)
        });
        root.section("detect", |detect| {
            detect.ignore(&[
                "sgh-mpm-context",
                "sgh-mpm-caching",
                "sgh-mpm-caching-path",
                "thresholds",
                "profiling",
                "stream-tx-log-limit",
                "delayed-detect",
                "inspection-length",
                "rules",
            ]);
            Self {
                alerts_per_packet: root.number("packet-alert-max", 15),
                pcre_steps,
                mpm: root.text("mpm-algo").filter(|name| *name != "auto").unwrap_or_default().to_owned(),
                recursion_limit: detect.number("inspection-recursion-limit", 3000),
                grouping: grouping(detect),
                guess_tx: detect.flag("guess-applayer-tx", false),
                prefilter_auto: detect.section("prefilter", |prefilter| {
                    prefilter.word("default", &[("mpm", false), ("auto", true)]).unwrap_or(false)
                }),
            }
        })
    }
}
