//! What rules go on looking at in a flow of which nothing new is read: single packets, by what is known of the flow.
//!
//! In: a flow ([`Standing`]).  Out: [`Wants`].
//! Stream data, transactions and frames are no matter here: who asks knows that none comes any more, or sees to it that
//! what could bring some is inspected, and asks again then. As long as nothing matches, what the flow remembers stays
//! as it is. What kernel stages hand up in any case is left out: packets about which something is odd, and those that
//! open or end a connection. When unsure, wanted.

use std::sync::Arc;

use super::super::detector::{concerns, is_protocol, speaks};
use super::super::header::Carriers;
use super::super::index::Index;
use super::super::rule::RuleInfo;
use super::super::rule_set::{Compiled, EventTest, Generation, Kind, Operand, RuleId, RuleSet, StateTest};
use super::super::scene::AppView;
use super::super::state::FlowState;
use super::sieve::{Glances, Sieve};
use super::{only_silences, passes_any};
use crate::field::Dir;
use crate::flow::{Flow, Look};
use crate::wire::ip_proto;
use crate::wire::tcp::Flags;

/// The rules that may look at single packets, by what of them they look at.
#[derive(Debug, Default)]
pub(in crate::detect) struct Lasting {
    data: Index,
    bare: Index,
    sums: Index,
    again: Index,
    /// Of rules that look at data, what they want to see of it; of all data where there is nothing.
    glances: Glances,
    sieve: Sieve,
}

/// A flow as rules see it.
#[derive(Clone, Copy)]
pub struct Standing<'a> {
    /// The flow.
    pub flow: &'a Flow,
    /// What detection remembers of it.
    pub state: &'a FlowState,
    /// What is known of its application protocol; it will not become known otherwise.
    pub app: AppView<'a>,
    /// See [`Scene::established`](super::super::scene::Scene::established).
    pub established: bool,
    /// Payload cannot be read, by direction.
    pub sealed: [bool; 2],
}

/// Which packets rules want to see, by direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Those that carry something.
    pub data: [bool; 2],
    /// All of them.
    pub bare: [bool; 2],
    /// Of TCP and UDP, those that carry something like this.
    pub looks: [Look; 2],
    /// Of TCP, those with a wrong checksum.
    pub sums: [bool; 2],
    /// Of TCP, those that send again what was sent before.
    pub again: [bool; 2],
}

impl Lasting {
    /// Sorts the rules.
    pub(in crate::detect) fn of(rules: &[Arc<Compiled>]) -> Self {
        let chosen = |sight: Sight| {
            let place = |(place, rule)| (RuleId::new(place), rule);
            rules.iter().enumerate().map(place).filter(move |(_, rule): &(_, &Arc<Compiled>)| Sight::of(rule) == sight)
        };
        let sorted = |sight| Index::new(chosen(sight).map(|(id, rule)| (id, rule.carriers, &rule.header)));
        let (sieve, glances) = Sieve::of(chosen(Sight::Data).map(|(id, rule)| (id, &**rule)));
        Self {
            data: sorted(Sight::Data),
            bare: sorted(Sight::All),
            sums: sorted(Sight::Sums),
            again: sorted(Sight::Again),
            glances,
            sieve,
        }
    }
}

impl RuleSet {
    /// Which packets of a flow rules want to see.
    pub fn wants(&self, of: &Standing<'_>) -> Wants {
        let (mut wants, proto) = (Wants::default(), of.flow.proto);
        let sifted = matches!(proto, ip_proto::TCP | ip_proto::UDP);
        let Wants { data, bare, looks, sums, again } = &mut wants;
        let ways = Dir::BOTH.into_iter().zip(data).zip(bare).zip(looks).zip(sums).zip(again);
        for (((((dir, data), bare), look), sums), again) in ways {
            self.each(&self.lasting.bare, of, dir, |_| *bare = true);
            self.each(&self.lasting.sums, of, dir, |_| *sums = true);
            self.each(&self.lasting.again, of, dir, |_| *again = true);
            self.each(&self.lasting.data, of, dir, |id| match self.lasting.glances.get(&id) {
                Some(glance) if sifted => *look = look.and(*glance),
                _ => *data = true,
            });
            // Of others nobody checks them beforehand.
            *bare |= *sums && proto != ip_proto::TCP;
            *data |= *bare;
        }
        wants
    }

    /// Calls back with the rules that may match on packets in a direction of a flow.
    fn each(&self, index: &Index, of: &Standing<'_>, dir: Dir, mut call: impl FnMut(RuleId)) {
        index.find(Carriers::of_number(of.flow.proto), Some(of.flow.ends(dir)), |id| {
            if self.rule(id).is_some_and(|rule| may_match((rule, self.since(id)), of, dir)) {
                call(id);
            }
        });
    }

    /// What single packets are sifted by, on behalf of [`Wants::looks`].
    pub fn sieve(&self) -> &Sieve {
        &self.lasting.sieve
    }

    /// The rules that go on looking at single packets of any flow of TCP, whatever its ports, addresses and application
    /// protocol, and at what of them. Those are left out that wait for another rule to match.
    pub fn keepers(&self) -> impl Iterator<Item = (&RuleInfo, Keeps)> {
        let everywhere = |rule: &Compiled| {
            let once = matches!(rule.kind, Kind::Stream | Kind::Addresses | Kind::Protocol);
            rule.carriers.meets(Carriers::TCP)
                && rule.apps.is_empty()
                && rule.header.is_any()
                && !(once || rule.flow.stream == Some(true))
                && rule.state.iter().all(holds_at_first)
                && rule.packet.iter().all(|test| passes_any(test, "ip_proto", [ip_proto::TCP.into()]))
        };
        let keeps = |id: RuleId, rule: &Compiled| match Sight::of(rule) {
            Sight::Nothing => None,
            Sight::Sums => Some(Keeps::WrongSums),
            Sight::Again => Some(Keeps::Repeats),
            Sight::Data if self.lasting.glances.contains_key(&id) => Some(Keeps::SomeData),
            Sight::Data => Some(Keeps::Data),
            Sight::All => Some(Keeps::All),
        };
        let placed = self.rules.iter().enumerate().map(|(place, rule)| (RuleId::new(place), rule));
        let kept = placed.filter(move |(_, rule)| everywhere(rule));
        kept.filter_map(move |(id, rule)| Some((&rule.info, keeps(id, rule)?)))
    }

    /// Whether every packet counts for a tag.
    pub fn follows_tags(&self, state: &FlowState) -> bool {
        self.tags_hosts || state.is_tagged()
    }

    /// Which of the sets of one loader this is.
    pub fn generation(&self) -> Generation {
        self.generation
    }
}

/// What of a connection's packets a rule keeps being handed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// Those with a wrong checksum.
    WrongSums,
    /// Those that send again what was sent before.
    Repeats,
    /// Those with data that it may match on by its size and first bytes.
    SomeData,
    /// Those with data.
    Data,
    /// All of them.
    All,
}

/// What a rule looks at in single packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Nothing that is not handed up in any case.
    Nothing,
    /// Packets with a wrong checksum.
    Sums,
    /// Packets that send again what was sent before.
    Again,
    /// Packets that carry something.
    Data,
    All,
}

impl Sight {
    fn of(rule: &Compiled) -> Self {
        if only_silences(rule) || !rule.kind.on_packets() || rule.flow.defragmented == Some(true) {
            return Self::Nothing;
        }
        if rule.packet.iter().any(|test| !passes_any(test, "tcp.flags", usual_flags())) {
            return Self::Nothing;
        }
        let repeats = |event: &EventTest| matches!(event, EventTest::Packet(anomaly) if anomaly.is_of_repeats());
        if !rule.events.is_empty() {
            // Whatever else is odd is handed up; what recognising the protocol finds comes with data that is read.
            return if rule.events.iter().all(repeats) { Self::Again } else { Self::Nothing };
        }
        if rule.packet.iter().any(|test| SUMS.iter().any(|field| !passes_any(test, field, [1]))) {
            return Self::Sums;
        }
        let needs_data = rule.payload.is_some() || rule.packet.iter().any(|test| !passes_any(test, "dsize", [0]));
        if needs_data { Self::Data } else { Self::All }
    }
}

/// The fields that say whether a checksum is right, of what carries TCP.
const SUMS: [&str; 3] = ["ipv4-csum", "tcpv4-csum", "tcpv6-csum"];

/// The TCP flags of what only carries and acknowledges data.
fn usual_flags() -> impl Iterator<Item = u64> {
    (0..=u8::MAX).filter(|bits| Flags(*bits).only_carry()).map(u64::from)
}

/// Whether a rule, which is there since a set of rules, may match on a packet that travels in a direction of the flow.
fn may_match((rule, since): (&Compiled, Generation), of: &Standing<'_>, dir: Dir) -> bool {
    let test = &rule.flow;
    let tcp = of.flow.proto == ip_proto::TCP;
    let read = tcp && (rule.kind == Kind::Stream || test.stream == Some(true));
    let sealed = of.sealed.get(dir.index()).copied().unwrap_or_default();
    let before = |tried: &[Generation; 2]| tried.get(dir.index()).is_some_and(|last| since <= *last);
    let over = match rule.kind {
        Kind::Addresses => before(&of.state.addresses_tried),
        Kind::Protocol => before(&of.state.protocol_tried),
        _ => false,
    };
    if read || over || sealed && rule.payload.is_some() {
        return false;
    }
    test.dir.is_none_or(|wanted| wanted == dir)
        && test.established.is_none_or(|wanted| wanted == of.established)
        && concerns(rule, Carriers::of_number(of.flow.proto), Some(of.flow.ends(dir)))
        && speaks(rule, &of.app)
        && rule.packet.iter().all(|test| passes_any(test, "ip_proto", [of.flow.proto.into()]))
        && rule.state.iter().all(|test| may_hold(test, of, dir))
}

/// Whether something remembered may be as a rule asks.
fn may_hold(test: &StateTest, of: &Standing<'_>, dir: Dir) -> bool {
    let (src, dst) = of.flow.ends(dir);
    match test {
        StateTest::Flowbit { any, set } => any.iter().any(|name| of.state.bit(*name)) == *set,
        StateTest::Protocol { which, of: whose, negated } => is_protocol(which, *whose, *negated, &of.app, dir),
        StateTest::FlowStart => of.flow.counts.get(dir.index()).is_none_or(|count| count.packets == 0),
        StateTest::Reputation(test) => test.passes(src.addr, dst.addr),
        StateTest::Country(test) => test.passes(src.addr, dst.addr),
        StateTest::Flowint { name, test, value } => {
            let values = of.state.int(*name).zip(operand(*value, of.state));
            values.is_some_and(|(left, right)| test.holds(left, right))
        }
        StateTest::FlowintSet { name, set } => of.state.int(*name).is_some() == *set,
        StateTest::Xbit { .. } | StateTest::Hostbit { .. } | StateTest::StreamSize { .. } | StateTest::Var { .. } => {
            true
        }
    }
}

/// Whether something remembered may be as a rule asks before any rule has matched.
fn holds_at_first(test: &StateTest) -> bool {
    match test {
        StateTest::Flowbit { set, .. } | StateTest::FlowintSet { set, .. } => !*set,
        StateTest::Flowint { .. } => false,
        _ => true,
    }
}

fn operand(value: Operand, state: &FlowState) -> Option<u32> {
    match value {
        Operand::Value(value) => Some(value),
        Operand::Flowint(name) => state.int(name),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::compile::Loader;
    use super::super::super::settings::Settings;
    use super::*;
    use crate::app::registry;
    use crate::flow::{Endpoint, Key, State};
    use crate::time::Time;

    fn flow(proto: u8) -> Flow {
        let end = |last, port| Endpoint { addr: std::net::Ipv4Addr::new(10, 0, 0, last).into(), port };
        let (client, server) = (end(1, 4000), end(2, 80));
        let (key, _) = Key::new(client, server, proto, [0; 3], 0);
        let count = crate::flow::Count { packets: 3, bytes: 300, ..Default::default() };
        Flow {
            id: 1,
            key,
            client,
            server,
            proto,
            vlan: [0; 3],
            vlans: 0,
            port: 0,
            first_packet: 1,
            last_packet: 6,
            start: Time::ZERO,
            last: Time::ZERO,
            counts: [count; 2],
            icmp: [None; 2],
            spi: None,
            macs: None,
            state: State::Established,
            action: crate::flow::Action::None,
            alerted: false,
            done: None,
            released: false,
        }
    }

    /// What a rule wants of an established flow of HTTP, from 10.0.0.1 to port 80 of 10.0.0.2: letters for some data, all
    /// data, wrong checksums, what is sent again and all packets to the server, then to the client.
    fn wanted(rule: &str, proto: u8, sealed: [bool; 2]) -> String {
        let parsed = crate::rules::parse(rule).rules.into_iter().map(|rule| (0, rule));
        let loaded = Loader::default().compile(parsed, &Settings::default()).unwrap();
        assert_eq!(loaded.rules.len(), 1, "{rule}: {:?}", loaded.faults);
        let http = registry::all().find(|(_, row)| row.name == "http").map(|(id, _)| id);
        let app = AppView { proto: http, sides: [http; 2], ..AppView::default() };
        let flow = flow(proto);
        let state = FlowState::default();
        let wants = loaded.rules.wants(&Standing { flow: &flow, state: &state, app, established: true, sealed });
        let letter = |dir: Dir| match dir.index() {
            at if wants.again[at] => 'r',
            at if wants.bare[at] => 'a',
            at if wants.data[at] => 'd',
            at if wants.sums[at] => 'c',
            at if wants.looks[at] != Look::default() => 's',
            _ => '-',
        };
        Dir::BOTH.map(letter).iter().collect()
    }

    #[test]
    fn rules_on_single_packets_want_theirs() {
        let cases = [
            // What is read is no matter of single packets.
            ("tcp any any -> any any (content:\"a\";)", "--"),
            ("http any any -> any any (http.uri; content:\"a\";)", "--"),
            ("tcp any any -> any any (app-layer-event:applayer_mismatch_protocol_both_directions;)", "--"),
            ("udp any any -> any any (content:\"a\";)", "--"),
            // Packets with a payload, and all packets.
            ("tcp-pkt any any -> any any (content:\"a\";)", "dd"),
            ("tcp any any -> any any (content:\"a\"; depth:4;)", "dd"),
            ("tcp any any -> any any (content:\"abcd\"; depth:4;)", "ss"),
            ("tcp any any -> any any (content:\"abcd\"; depth:300;)", "ss"),
            ("tcp-pkt any any -> any any (content:\"abcdef\";)", "ss"),
            ("tcp any any -> any any (content:\"abcd\"; depth:600;)", "dd"),
            ("tcp-pkt any any -> any any (dsize:20; content:\"a\";)", "ss"),
            ("tcp any any -> any any (dsize:<2000; content:\"a\";)", "dd"),
            ("tcp any any -> any any (tcpv4-csum:invalid;)", "cc"),
            ("ip any any -> any any (ipv4-csum:invalid;)", "cc"),
            ("tcp any any -> any any (tcpv4-csum:valid;)", "aa"),
            ("tcp any any -> any any (dsize:>10;)", "dd"),
            ("tcp any any -> any any (dsize:<10;)", "aa"),
            ("tcp any any -> any any (ttl:1;)", "aa"),
            ("ip any any -> any any (ttl:1;)", "aa"),
            ("ip any any -> any any (ip_proto:41;)", "--"),
            ("ip any any -> any any (ip_proto:!41;)", "aa"),
            ("tcp any any -> any any (flow.pkts:either,>1;)", "aa"),
            ("tcp any any -> any any (stream_size:both,>,1;)", "aa"),
            ("tcp any any -> any any (stream-event:pkt_retransmission;)", "rr"),
            ("tcp any any -> any any (flow:to_client; stream-event:est_pkt_before_last_ack;)", "-r"),
            ("tcp any any -> any any (stream-event:pkt_invalid_ack;)", "--"),
            ("tcp any any -> any any (stream-event:closewait_invalid_ack;)", "--"),
            // Directions, ports, protocols.
            ("tcp any any -> any 80 (ttl:1;)", "a-"),
            ("tcp any 80 -> any any (ttl:1;)", "-a"),
            ("tcp any any -> any 81 (ttl:1;)", "--"),
            ("tcp any any <> any 80 (ttl:1;)", "aa"),
            ("tcp 10.0.0.2 any -> any any (ttl:1;)", "-a"),
            ("tcp any any -> any any (flow:to_client; ttl:1;)", "-a"),
            ("tcp any any -> any any (flow:not_established; ttl:1;)", "--"),
            ("tcp any any -> any any (flow:only_stream; content:\"a\";)", "--"),
            ("tcp any any -> any any (flow:no_stream; content:\"a\";)", "dd"),
            ("tls any any -> any any (ttl:1;)", "--"),
            ("http any any -> any any (ttl:1;)", "aa"),
            ("tcp any any -> any any (app-layer-protocol:!http; ttl:1;)", "--"),
            ("tcp any any -> any any (app-layer-protocol:http; ttl:1;)", "aa"),
            // What opens or ends a connection, and what is odd, is handed up.
            ("tcp any any -> any any (flags:S;)", "--"),
            ("tcp any any -> any any (flags:FPU;)", "--"),
            ("tcp any any -> any any (flags:*SAP;)", "aa"),
            ("tcp any any -> any any (flags:PA;)", "aa"),
            ("tcp any any -> any any (flags:!S; dsize:!0;)", "dd"),
            ("ip any any -> any any (decode-event:ipv4.opt_pad_required; ttl:1;)", "--"),
            // What is remembered.
            ("tcp any any -> any any (flowbits:isset,a; ttl:1;)", "--"),
            ("tcp any any -> any any (flowbits:isnotset,a; ttl:1;)", "aa"),
            ("tcp any any -> any any (flowint:aa,>=,1; ttl:1;)", "--"),
            ("tcp any any -> any any (flowint:aa,notset; ttl:1;)", "aa"),
            ("tcp any any -> any any (xbits:isset,a,track ip_src; ttl:1;)", "aa"),
        ];
        for (rule, want) in cases {
            let text = format!("alert {} sid:1;)", &rule[..rule.len() - 1]);
            assert_eq!(wanted(&text, ip_proto::TCP, [false; 2]), want, "{rule}");
        }
        assert_eq!(wanted("pass tcp any any -> any any (ttl:1; sid:1;)", ip_proto::TCP, [false; 2]), "--");
        assert_eq!(wanted("alert udp any any -> any any (content:\"a\"; sid:1;)", ip_proto::UDP, [false; 2]), "dd");
        let sums = "alert ip any any -> any any (ipv4-csum:invalid; sid:1;)";
        assert_eq!(wanted(sums, ip_proto::UDP, [false; 2]), "aa");
        let begins = "alert udp any any -> any any (content:\"abcd\"; depth:4; sid:1;)";
        assert_eq!(wanted(begins, ip_proto::UDP, [false; 2]), "ss");
        let any = "alert ip any any -> any any (content:\"abcd\"; depth:4; sid:1;)";
        assert_eq!(wanted(any, ip_proto::SCTP, [false; 2]), "dd");
        let packet = "alert tcp-pkt any any -> any any (content:\"a\"; sid:1;)";
        assert_eq!(wanted(packet, ip_proto::TCP, [false, true]), "d-");
        assert_eq!(wanted("alert tcp any any -> any any (ttl:1; sid:1;)", ip_proto::TCP, [true; 2]), "aa");
    }
}
