//! What all records have in common: the fields before the object that is named as the record's type, and the
//! objects that several kinds of records carry.

use std::net::IpAddr;

use ids_core::event::{AppInfo, Context, VerdictInfo};
use ids_core::flow::Flow;
use ids_core::packet::{Packet, Tunnel};
use ids_core::record::Writer;
use ids_core::verdict::RejectTo;

use super::community_id;
use super::json::Json;
use super::xff::Replace;
use crate::config::eve as config;
use crate::output::names;
use crate::output::sink::Scene;
use crate::output::timestamp::Stamps;

/// What is needed to begin a record.
#[derive(Debug)]
pub struct Head<'a> {
    /// What the instance shows.
    pub settings: &'a config::Eve,
    /// What holds for the whole run.
    pub scene: &'a Scene,
    /// Writes times.
    pub stamps: &'a mut Stamps,
}

/// The kind of record that is there for the variables alone.
pub const METADATA: &str = "metadata";

impl Head<'_> {
    /// Writes a whole record: the common fields, then `content`, then the flow's variables.
    pub fn record(
        &mut self,
        kind: &str,
        at: &Context<'_>,
        out: &mut Vec<u8>,
        content: impl FnOnce(&mut Json<'_>, &mut Self),
    ) {
        self.record_with(kind, at, None, out, content);
    }

    /// The same with one of the addresses replaced by the one behind a proxy.
    pub fn record_with(
        &mut self,
        kind: &str,
        at: &Context<'_>,
        replace: Option<Replace>,
        out: &mut Vec<u8>,
        content: impl FnOnce(&mut Json<'_>, &mut Self),
    ) {
        out.extend_from_slice(self.settings.prefix.as_bytes());
        let mut json = Json::begin(out);
        self.begin(kind, at, replace, &mut json);
        content(&mut json, self);
        if self.settings.metadata || kind == METADATA {
            vars(at, &mut json);
        }
        json.end();
        out.push(b'\n');
    }

    fn begin(&mut self, kind: &str, at: &Context<'_>, replace: Option<Replace>, json: &mut Json<'_>) {
        json.verbatim("timestamp", |out| self.stamps.iso(out, at.time));
        if let Some(flow) = at.flow {
            json.uint("flow_id", flow.id);
        }
        json.str_opt("in_iface", self.scene.interfaces.get(usize::from(at.port)).map(AsRef::as_ref));
        if let Some(packet) = at.packet {
            json.uint("pcap_cnt", packet);
        }
        if self.settings.pcap_file {
            json.str_opt("pcap_filename", self.scene.capture.as_deref());
        }
        json.str("event_type", kind);
        json.str_opt("host", self.scene.sensor.as_deref());
        if self.settings.version {
            json.str("suricata_version", env!("CARGO_PKG_VERSION"));
        }
        if !at.vlans.is_empty() {
            json.list("vlan", |json| at.vlans.iter().for_each(|id| json.uint("", u64::from(*id))));
        }
        self.addresses(at, replace, json);
        json.str_opt("pkt_src", at.source.map(ids_core::packet::Source::name));
        self.community_id(at, json);
        if let Some((src, dst, kind)) = at.ether.filter(|_| self.settings.ethernet) {
            json.object("ether", |json| {
                json.uint("ether_type", u64::from(kind));
                json.verbatim("src_mac", |out| mac(src, out));
                json.verbatim("dest_mac", |out| mac(dst, out));
            });
        }
    }

    fn addresses(&self, at: &Context<'_>, replace: Option<Replace>, json: &mut Json<'_>) {
        let with_ports = matches!(at.proto, Some(6 | 17 | 132));
        let (src, dst) = match replace {
            None => (at.src, at.dst),
            Some(Replace::Source(addr)) => (Some(addr), at.dst),
            Some(Replace::Destination(addr)) => (at.src, Some(addr)),
        };
        if let Some(src) = src {
            json.addr("src_ip", src);
            if with_ports {
                json.uint("src_port", u64::from(at.src_port));
            }
        }
        if let Some(dst) = dst {
            json.addr("dest_ip", dst);
            if with_ports {
                json.uint("dest_port", u64::from(at.dst_port));
            }
        }
        if let Some(proto) = at.proto {
            json.verbatim("proto", |out| names::proto(proto, out));
        }
        if let Some(addr) = at.src {
            json.uint("ip_v", if addr.is_ipv4() { 4 } else { 6 });
        }
        if let Some(spi) = at.flow.and_then(|flow| flow.spi) {
            json.uint("spi", u64::from(spi));
        }
        if let Some((kind, code)) = at.icmp {
            json.uint("icmp_type", u64::from(kind));
            json.uint("icmp_code", u64::from(code));
        }
    }

    fn community_id(&self, at: &Context<'_>, json: &mut Json<'_>) {
        let Some(seed) = self.settings.community_id else { return };
        let Some(flow) = at.flow else { return };
        let id = community_id::of(flow, seed);
        json.verbatim("community_id", |out| out.extend_from_slice(id.as_bytes()));
    }

    /// A field with a time.
    pub fn time(&mut self, key: &str, time: ids_core::time::Time, json: &mut Json<'_>) {
        json.verbatim(key, |out| self.stamps.iso(out, time));
    }
}

/// `aa:bb:cc:dd:ee:ff`
pub fn mac(addr: [u8; 6], out: &mut Vec<u8>) {
    use std::io::Write as _;
    for (at, byte) in addr.iter().enumerate() {
        let colon = if at == 0 { "" } else { ":" };
        write!(out, "{colon}{byte:02x}").expect("memory can be written to");
    }
}

/// `metadata`, and `traffic` out of flowbits that name what kind of traffic it is.
fn vars(at: &Context<'_>, json: &mut Json<'_>) {
    let Some(vars) = at.vars.filter(|vars| !vars.is_empty()) else { return };
    json.object("metadata", |json| vars.write(json));
    let labels = |prefix: &str| {
        let mut found = Vec::new();
        vars.flowbits(&mut |name| found.extend(name.strip_prefix(prefix).map(str::to_owned)));
        found
    };
    let (ids, labels) = (labels("traffic/id/"), labels("traffic/label/"));
    if ids.is_empty() && labels.is_empty() {
        return;
    }
    json.object("traffic", |json| {
        for (key, names) in [("id", ids), ("label", labels)] {
            if !names.is_empty() {
                json.list(key, |json| names.iter().for_each(|name| json.str("", name)));
            }
        }
    });
}

/// `app_proto` and its relatives.
pub fn app_proto(app: Option<AppInfo>, json: &mut Json<'_>) {
    let Some(app) = app else { return };
    json.str_opt("app_proto", app.proto);
    json.str_opt("app_proto_ts", app.to_server);
    json.str_opt("app_proto_tc", app.to_client);
    json.str_opt("app_proto_orig", app.original);
    json.str_opt("app_proto_expected", app.expected);
}

/// What a flow carried, for `flow` objects.
pub fn flow_counts(flow: &Flow, json: &mut Json<'_>) {
    let [to_server, to_client] = flow.counts;
    json.uint("pkts_toserver", to_server.packets);
    json.uint("pkts_toclient", to_client.packets);
    json.uint("bytes_toserver", to_server.bytes);
    json.uint("bytes_toclient", to_client.bytes);
}

/// `packet` and `packet_info`.
pub fn packet(packet: &Packet<'_>, bytes: &[u8], json: &mut Json<'_>) {
    json.base64("packet", bytes);
    json.object("packet_info", |json| {
        let number = packet.link.number();
        json.uint("linktype", u64::from(number));
        json.str("linktype_name", names::link_type(number));
    });
}

/// `tunnel`: the outer addresses.
pub fn tunnel(at: &Context<'_>, json: &mut Json<'_>) {
    let Some(Tunnel { src, dst, ports, proto, depth, source }) = at.tunnel else { return };
    json.object("tunnel", |json| {
        json.addr("src_ip", src);
        if let Some((port, _)) = ports {
            json.uint("src_port", u64::from(port));
        }
        json.addr("dest_ip", dst);
        if let Some((_, port)) = ports {
            json.uint("dest_port", u64::from(port));
        }
        json.verbatim("proto", |out| names::proto(proto, out));
        json.uint("depth", u64::from(depth));
        if let Some(packet) = at.packet {
            json.uint("pcap_cnt", packet);
        }
        json.str("pkt_src", source.name());
    });
}

/// `verdict`: what became of the packet. TCP is answered with a reset, everything else with an unreachable.
pub fn verdict(info: VerdictInfo, proto: Option<u8>, json: &mut Json<'_>) {
    json.object("verdict", |json| {
        let action = match info {
            VerdictInfo { dropped: true, .. } => "drop",
            VerdictInfo { passed: true, .. } => "pass",
            _ => "alert",
        };
        json.str("action", action);
        let Some(to) = info.reject else { return };
        let target = match to {
            RejectTo::Source => "to_client",
            RejectTo::Destination => "to_server",
            RejectTo::Both => "both",
        };
        json.str("reject-target", target);
        json.list("reject", |json| json.str("", if proto == Some(6) { "tcp-reset" } else { "icmp-prohib" }));
    });
}

/// An address and, where the protocol has them, a port.
pub fn endpoint(key: &str, addr: Option<IpAddr>, port: u16, json: &mut Json<'_>) {
    let Some(addr) = addr else { return };
    json.object(key, |json| {
        json.addr("ip", addr);
        json.uint("port", u64::from(port));
    });
}
