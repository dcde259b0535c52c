use proptest::prelude::*;

use super::*;
use crate::app::config::{Config, Switch};
use crate::app::parser::Detail;
use crate::app::registry;
use crate::field::Dir::{ToClient, ToServer};
use crate::record::{Shape, Writer};
use crate::time::Time;

const HELLO: &[u8] = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";
const NEGOTIATE: &[u8] = b"\0\0\0\x2f\xffSMBr\0\0\0\0\x18";
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";

/// A flow with what the engine keeps of it.
struct Flow {
    app: App,
    state: State<u32>,
    facts: Facts,
    server: u16,
    events: Vec<DetectionEvent>,
    found: Findings,
}

impl Flow {
    fn new(udp: bool, server: u16) -> Self {
        Self {
            app: App::new(Config::default()),
            state: State::default(),
            facts: Facts { udp, ..Facts::default() },
            server,
            events: Vec::new(),
            found: Findings::default(),
        }
    }

    fn data(&mut self, dir: Dir, data: &[u8]) -> Parsed {
        let ports = if dir == ToServer { (40000, self.server) } else { (self.server, 40000) };
        self.found = Findings::default();
        let input = Input { dir, data, last: false, time: Time::ZERO, ports };
        let parsed = self.state.data(&self.app, input, self.facts, &mut self.found);
        self.events.extend(self.found.events.iter().copied());
        parsed
    }

    fn name(&self) -> Option<&'static str> {
        self.state.info().proto
    }
}

fn response() -> Vec<u8> {
    let mut bytes = QUERY.to_vec();
    bytes[2] = 0x81;
    bytes
}

#[test]
fn both_directions_are_recognised_on_their_own() {
    let mut flow = Flow::new(false, 22);
    assert_eq!(flow.data(ToClient, b"RF"), Parsed::Used { bytes: 0, need: 3 });
    assert_eq!(flow.name(), None);
    flow.data(ToClient, b"RFB 003.008\n");
    assert_eq!(flow.found.known, registry::by_name("rfb"));
    assert!(flow.state.wants(ToServer) && !flow.state.wants(ToClient), "nothing to parse, the other side to find");
    flow.data(ToServer, b"RFB 003.008\n");
    assert_eq!(flow.found.known, None);
    assert!(!flow.state.wants(ToServer));
    assert_eq!(flow.state.info(), AppInfo { proto: Some("rfb"), ..AppInfo::default() });
    assert!(flow.events.is_empty());
}

#[test]
fn what_goes_to_the_server_decides() {
    let mut flow = Flow::new(false, 443);
    flow.data(ToServer, HELLO);
    flow.data(ToClient, NEGOTIATE);
    assert_eq!(flow.events, [DetectionEvent::Mismatch]);
    assert_eq!(
        flow.state.info(),
        AppInfo { proto: Some("tls"), to_client: Some("smb"), transactions: 1, ..AppInfo::default() }
    );

    let mut flow = Flow::new(false, 25);
    flow.data(ToClient, b"220 mail.example ESMTP\r\n");
    assert_eq!(flow.name(), Some("smtp"));
    flow.data(ToServer, HELLO);
    assert_eq!(flow.events, [DetectionEvent::Mismatch]);
    assert_eq!(
        flow.state.info(),
        AppInfo { proto: Some("tls"), to_client: Some("smtp"), transactions: 1, ..AppInfo::default() }
    );
    assert_eq!(flow.found.known, registry::by_name("tls"));
}

#[test]
fn one_direction_alone_is_told() {
    let mut flow = Flow::new(false, 22);
    flow.data(ToServer, NEGOTIATE);
    flow.data(ToClient, b"something else entirely\r\n");
    assert_eq!(flow.events, [DetectionEvent::OnlyOneDirection]);
    assert_eq!(flow.state.info().to_client, Some("failed"));

    // The other order: what was not recognised is held, and comes first once the protocol is known.
    let mut flow = Flow::new(false, 22);
    let junk = b"something else entirely\r\n";
    assert_eq!(flow.data(ToServer, junk), Parsed::Used { bytes: 0, need: junk.len() + 1 });
    assert_eq!(flow.data(ToClient, NEGOTIATE), Parsed::Used { bytes: 0, need: 0 });
    assert!(flow.found.other_first);
    assert_eq!(flow.events, [DetectionEvent::OnlyOneDirection]);
    // The parser looks for the start of a message, of which there may be seven bytes.
    assert_eq!(flow.data(ToServer, junk), Parsed::Used { bytes: junk.len() - 7, need: 8 });
    assert_eq!(flow.data(ToClient, NEGOTIATE), Parsed::Used { bytes: 4, need: 32 });
    assert!(!flow.found.other_first);
}

#[test]
fn a_flow_of_no_known_protocol_fails_once() {
    let mut flow = Flow::new(false, 9999);
    flow.data(ToServer, b"what is this\r\n");
    assert!(!flow.found.failed && flow.name().is_none());
    flow.data(ToClient, b"nobody knows\r\n");
    assert!(flow.found.failed);
    assert_eq!(flow.name(), Some("failed"));
    assert!(!flow.state.wants(ToServer) && !flow.state.wants(ToClient));
    assert_eq!(flow.data(ToServer, b"more"), Parsed::Used { bytes: 4, need: 0 });
    assert!(!flow.found.failed);
}

#[test]
fn what_is_held_is_bounded() {
    let mut flow = Flow::new(false, 9999);
    let junk = vec![b'#'; HELD];
    assert_eq!(flow.data(ToServer, &junk[1..]), Parsed::Used { bytes: 0, need: HELD });
    assert_eq!(flow.data(ToServer, &junk), Parsed::Used { bytes: HELD, need: 0 });
    assert_eq!(flow.events, [DetectionEvent::Skipped]);
    assert_eq!(flow.name(), Some("failed"));
}

#[test]
fn a_response_first_turns_a_flow_of_datagrams() {
    let mut flow = Flow::new(true, 40001);
    // The server's packet came first, so that it was taken for the client's.
    let input = Input { dir: ToServer, data: &response(), last: false, time: Time::ZERO, ports: (53, 40001) };
    flow.state.data(&flow.app, input, flow.facts, &mut flow.found);
    assert!(flow.found.turn);
    assert!(flow.found.events.is_empty());
    let open: Vec<_> = flow.state.transactions().map(|open| open.tx.dirs().contains(ToClient)).collect();
    assert_eq!(open, [true]);
    let dns = Found::Known(registry::by_name("dns").unwrap());
    assert_eq!(flow.state.protocol(), dns);
    assert_eq!(flow.state.protocol_of(ToClient), dns);
    assert_eq!(flow.state.protocol_of(ToServer), Found::Unknown);
}

#[test]
fn a_stream_is_turned_only_if_its_start_was_not_seen() {
    let framed = [&[0, 33][..], &response()].concat();
    for midstream in [false, true] {
        let mut flow = Flow::new(false, 40001);
        flow.facts.midstream = midstream;
        let input = Input { dir: ToServer, data: &framed, last: false, time: Time::ZERO, ports: (53, 40001) };
        flow.state.data(&flow.app, input, flow.facts, &mut flow.found);
        assert_eq!(flow.found.turn, midstream);
        let told: Vec<_> = flow.state.transactions().map(|open| open.tx.events().len()).collect();
        assert_eq!(told, [usize::from(!midstream)], "a response to the server is odd");
    }
}

#[test]
fn junk_first_does_not_hide_what_follows() {
    let mut flow = Flow::new(true, 53);
    flow.data(ToServer, b"junk");
    assert!(flow.found.failed);
    assert_eq!(flow.name(), Some("failed"));
    flow.data(ToServer, QUERY);
    assert_eq!(flow.name(), Some("dns"));
    assert_eq!(flow.state.tx_count(), 1);

    let mut flow = Flow::new(true, 53);
    for _ in 0..DATAGRAMS {
        flow.data(ToServer, b"junk");
        assert!(flow.state.wants(ToClient));
    }
    flow.data(ToServer, QUERY);
    assert_eq!(flow.name(), Some("failed"), "patience ends");
    flow.data(ToClient, &response());
    assert_eq!(flow.name(), Some("dns"), "the other side has its own");
    flow.data(ToServer, QUERY);
    assert_eq!(flow.state.tx_count(), 2);
}

#[test]
fn data_from_the_wrong_side_first_is_told() {
    // Unless the other side has sent something that was not seen.
    for (other_lost, told) in [(false, &[DetectionEvent::WrongDirectionFirstData][..]), (true, &[])] {
        let mut flow = Flow::new(false, 443);
        flow.facts.other_lost = other_lost;
        flow.data(ToClient, b"\x16\x03\x03\x00\x5a\x02\x00\x00\x56\x03\x03");
        assert_eq!(flow.events, told);
    }
}

#[test]
fn transactions_are_kept_until_logged_and_inspected() {
    let mut flow = Flow::new(true, 53);
    flow.data(ToServer, QUERY);
    flow.data(ToClient, &response());
    assert_eq!(flow.found.transactions, 1);
    assert_eq!(flow.state.tx_count(), 2);
    for open in flow.state.transactions() {
        assert!(open.complete(ToServer) && open.complete(ToClient));
        open.state.detect += 1;
        open.state.logged = true;
        open.state.inspected[0] = true;
    }
    flow.state.release();
    let left: Vec<_> = flow.state.transactions().map(|open| (open.state.id, open.state.detect)).collect();
    assert_eq!(left, [(1, 1)], "a request needs no inspection of responses");
    flow.data(ToServer, QUERY);
    for open in flow.state.transactions() {
        open.state.logged = true;
        open.state.inspected = [true; 2];
    }
    flow.state.release();
    assert_eq!(flow.state.transactions().count(), 0);
    assert_eq!(flow.state.tx_count(), 3);
}

#[test]
fn transactions_that_are_never_released_are_dropped_and_counted() {
    let mut flow = Flow::new(true, 53);
    let mut dropped = 0;
    for _ in 0..5000 {
        flow.data(ToServer, QUERY);
        dropped += flow.found.dropped;
    }
    assert_eq!(flow.state.transactions().count() as u64 + dropped, 5000);
    assert!(dropped > 0);
    assert_eq!(flow.state.transactions().next().map(|open| open.state.id), Some(dropped));
}

#[test]
fn what_is_not_to_be_parsed_is_recognised_alone() {
    let mut flow = Flow::new(true, 53);
    let off = Switch { name: "dns".into(), detect: true, parse: false, tcp_ports: None, udp_ports: None };
    flow.app = App::new(Config { protocols: vec![off], ..Config::default() });
    flow.data(ToServer, QUERY);
    assert_eq!(flow.name(), Some("dns"));
    assert_eq!(flow.state.tx_count(), 0);
    assert!(!flow.state.wants(ToServer));
}

#[test]
fn after_a_switch_the_protocol_is_found_anew() {
    let switched = |to: Option<&'static str>, next: &[u8]| {
        let mut flow = Flow::new(false, 9999);
        flow.data(ToServer, b"EHLO client.example\r\n");
        flow.state.after(Parsed::Switch { bytes: 0, to }, &mut Findings::default());
        assert_eq!(flow.state.protocol(), Found::Unknown);
        flow.data(ToServer, next);
        (flow.state.info(), flow.events)
    };
    let smtp = AppInfo { original: Some("smtp"), transactions: 1, ..AppInfo::default() };
    let tls = AppInfo { proto: Some("tls"), transactions: 2, ..smtp };
    assert_eq!(switched(Some("tls"), HELLO), (tls, vec![]));
    assert_eq!(switched(None, HELLO), (tls, vec![]));
    let smb = AppInfo { proto: Some("smb"), expected: Some("tls"), ..smtp };
    assert_eq!(switched(Some("tls"), NEGOTIATE), (smb, vec![DetectionEvent::NoTlsAfterStartTls]));
    let unexpected = AppInfo { expected: Some("http"), ..tls };
    assert_eq!(switched(Some("http"), HELLO), (unexpected, vec![DetectionEvent::Unexpected]));
}

#[test]
fn a_protocol_is_told_how_it_came_about() {
    let upgraded = |next: &[u8]| {
        let mut flow = Flow::new(false, 80);
        flow.data(ToServer, b"GET /up HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n");
        flow.data(ToClient, b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n");
        flow.data(ToServer, next);
        (flow.name(), flow.state.tx_count(), flow.state.info().original)
    };
    assert_eq!(upgraded(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (Some("http2"), 3, Some("http")));
    // What was told is for the protocol that was expected.
    assert_eq!(upgraded(HELLO), (Some("tls"), 2, Some("http")));
}

#[test]
fn a_gap_ends_waiting() {
    let mut flow = Flow::new(false, 22);
    flow.data(ToServer, b"\0\0");
    flow.state.gap(ToServer, 100, &mut flow.found);
    flow.data(ToClient, NEGOTIATE);
    assert_eq!(flow.name(), Some("smb"));
    assert_eq!(flow.events, [DetectionEvent::OnlyOneDirection]);
}

#[test]
fn a_session_learns_what_was_lost_before_it() {
    let framed = |message: &[u8]| [&[0, u8::try_from(message.len()).unwrap()], message].concat();
    let mut flow = Flow::new(false, 53);
    flow.state.gap(ToServer, 100, &mut flow.found);
    flow.data(ToClient, &framed(&response()));
    flow.data(ToServer, b"the tail of a lost message");
    flow.data(ToServer, &framed(QUERY));
    let events: Vec<Vec<u8>> = flow.state.transactions().map(|open| open.tx.events().to_vec()).collect();
    assert_eq!(events, [const { Vec::<u8>::new() }; 2], "the tail is no message");
}

#[test]
fn an_empty_end_tells_nothing() {
    let mut flow = Flow::new(false, 22);
    flow.data(ToServer, NEGOTIATE);
    let input = Input { dir: ToClient, data: &[], last: true, time: Time::ZERO, ports: (22, 40000) };
    flow.state.data(&flow.app, input, flow.facts, &mut flow.found);
    assert!(flow.found.events.is_empty());
    flow.state.finished();
    assert!(!flow.state.wants(ToClient));
}

/// Takes a record and forgets it, but insists that lists and objects balance.
struct Balance(i32);

impl Writer for Balance {
    fn text(&mut self, _: &str, _: &[u8]) {}
    fn uint(&mut self, _: &str, _: u64) {}
    fn int(&mut self, _: &str, _: i64) {}
    fn float(&mut self, _: &str, _: f64) {}
    fn flag(&mut self, _: &str, _: bool) {}
    fn open(&mut self, _: &str, _: Shape) {
        self.0 += 1;
    }
    fn close(&mut self) {
        self.0 -= 1;
    }
}

proptest! {
    /// Whatever bytes a flow brings, every protocol's session takes them, and everything that can be seen of its
    /// transactions can be looked at.
    #[test]
    fn every_session_takes_anything(
        pieces in prop::collection::vec(
            (any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), any::<bool>()),
            0..12,
        ),
        udp: bool,
    ) {
        for (_, row) in registry::all() {
            let Some(start) = row.session else { continue };
            let mut session = start(&Config::default(), Facts { udp, ..Facts::default() });
            for (client, data, lost) in &pieces {
                let dir = if *client { ToServer } else { ToClient };
                let input = Input { dir, data, last: false, time: Time::ZERO, ports: (1, 2) };
                if let Parsed::Used { bytes, .. } = session.parse(input) {
                    prop_assert!(bytes <= data.len());
                }
                if *lost {
                    session.gap(dir, 10);
                }
                for id in session.transactions() {
                    let Some(tx) = session.transaction(id) else { continue };
                    prop_assert!(tx.events().iter().all(|event| usize::from(*event) < row.events.len()));
                    for dir in Dir::BOTH {
                        prop_assert!(tx.progress(dir) <= row.complete(dir));
                        let mut scratch = Vec::new();
                        for field in 0..(row.fields)().len() {
                            let _ = tx.field(field, dir, 0, &mut scratch);
                        }
                    }
                    let mut balance = Balance(0);
                    tx.record(&Detail::default(), &mut balance);
                    prop_assert_eq!(balance.0, 0);
                }
            }
        }
    }
}
