use proptest::prelude::*;

use super::*;
use crate::app::App;
use crate::app::parser::{Input, Parsed};
use crate::app::registry::by_name;
use crate::app::state::{Facts, Findings, State};
use crate::field::Dir::{ToClient, ToServer};
use crate::time::Time;

const REQUESTS: &[u8] =
    b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
const RESPONSES: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
    3\r\nabc\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz";
const QUERY: &[u8] = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03com\x00\x00\x01\x00\x01";

/// A frame: its name, number, place, transaction, and bytes with `*` for those that are missing.
type Row = (&'static str, u64, u64, Option<u64>, Option<u64>, Vec<u8>);

/// A flow whose frames are all kept.
struct Flow {
    app: App,
    state: State<u32, u32>,
    facts: Facts,
    server: u16,
    unused: [Vec<u8>; 2],
}

impl Flow {
    fn new(udp: bool, server: u16) -> Self {
        let mut state = State::default();
        state.want(Wanted::ALL);
        let facts = Facts { udp, ..Facts::default() };
        Self { app: App::new(crate::app::config::Config::default()), state, facts, server, unused: Default::default() }
    }

    fn data(&mut self, dir: Dir, data: &[u8]) {
        let ports = if dir == ToServer { (40000, self.server) } else { (self.server, 40000) };
        let unused = &mut self.unused[dir.index()];
        unused.extend_from_slice(data);
        let input = Input { dir, data: unused, last: false, time: Time::ZERO, ports };
        match self.state.data(&self.app, input, self.facts, &mut Findings::default()) {
            Parsed::Used { bytes, .. } | Parsed::Switch { bytes, .. } => drop(unused.drain(..bytes)),
            Parsed::Failed => unused.clear(),
        }
    }

    /// So many bytes are lost, with those that are not used.
    fn gap(&mut self, dir: Dir, bytes: u64) {
        let unused = std::mem::take(&mut self.unused[dir.index()]).len() as u64;
        self.state.gap(dir, unused + bytes, &mut Findings::default());
    }

    fn rows(&mut self, dir: Dir) -> Vec<Row> {
        let row = |open: Open<'_, u32>| {
            let mut bytes = Vec::new();
            for part in open.seen.parts() {
                bytes.resize(usize::try_from(part.offset).unwrap(), b'*');
                bytes.extend_from_slice(part.data);
            }
            let Place { id, start, length, tx, .. } = open.seen.place;
            (short(open.seen.info().unwrap()), id, start, length, tx, bytes)
        };
        self.state.frames(dir).map(row).collect()
    }
}

fn row(name: &'static str, id: u64, start: u64, tx: Option<u64>, bytes: &[u8]) -> Row {
    (name, id, start, Some(bytes.len() as u64), tx, bytes.to_vec())
}

/// Sends `data` in pieces, cut at these places.
fn send(flow: &mut Flow, dir: Dir, data: &[u8], cuts: &[prop::sample::Index]) {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
    cuts.extend([0, data.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    cuts.windows(2).for_each(|pair| flow.data(dir, &data[pair[0]..pair[1]]));
}

fn indices() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..40)
}

proptest! {
    #[test]
    fn any_cut_of_http_gives_the_same_frames(client in indices(), server in indices()) {
        let mut flow = Flow::new(false, 80);
        send(&mut flow, ToServer, REQUESTS, &client);
        send(&mut flow, ToClient, RESPONSES, &server);
        flow.state.finished();
        let requests = vec![
            row("stream", 1, 0, None, REQUESTS),
            row("request", 2, 2, Some(0), &REQUESTS[2..55]),
            row("request", 3, 55, Some(1), &REQUESTS[55..]),
        ];
        prop_assert_eq!(flow.rows(ToServer), requests);
        let responses = vec![
            row("stream", 1, 0, None, RESPONSES),
            row("response", 2, 0, Some(0), &RESPONSES[..25]),
            row("response", 3, 25, Some(0), &RESPONSES[25..85]),
            row("response", 4, 85, Some(1), &RESPONSES[85..]),
        ];
        prop_assert_eq!(flow.rows(ToClient), responses);
    }

    #[test]
    fn any_cut_of_dns_gives_the_same_frames(cuts in indices(), count in 1_usize..5) {
        let length = QUERY.len();
        let message: Vec<u8> = [&[0, length as u8], QUERY].concat();
        let stream = message.repeat(count);
        let mut flow = Flow::new(false, 53);
        send(&mut flow, ToServer, &stream, &cuts);
        flow.state.finished();
        let mut want = vec![row("stream", 1, 0, None, &stream)];
        want.extend((0..count as u64).map(|n| row("pdu", n + 2, n * (length as u64 + 2) + 2, Some(n), QUERY)));
        prop_assert_eq!(flow.rows(ToServer), want);
    }
}

#[test]
fn datagrams_are_frames_without_a_stream() {
    let mut flow = Flow::new(true, 53);
    flow.data(ToServer, QUERY);
    assert_eq!(flow.rows(ToServer), [row("pdu", 1, 0, Some(0), QUERY)]);
}

#[test]
fn a_frame_has_a_hole_where_bytes_were_lost() {
    let mut flow = Flow::new(false, 80);
    flow.data(ToServer, b"GET / HTTP/1.0\r\n\r\n");
    flow.data(ToClient, b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    flow.gap(ToClient, 4);
    let seen = flow.state.frame(ToClient, 2).unwrap();
    assert!(!seen.complete() && seen.place.length == Some(47));
    flow.data(ToClient, b"hiHTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");
    let seen = flow.state.frame(ToClient, 2).unwrap();
    assert!(seen.complete());
    assert_eq!(seen.parts().map(|part| (part.offset, part.last)).collect::<Vec<_>>(), [(0, false), (45, true)]);
    let rows = flow.rows(ToClient);
    assert_eq!(rows[1], row("response", 2, 0, Some(0), b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nabc****hi"));
    assert_eq!((rows[2].0, rows[2].2), ("response", 47));
}

#[test]
fn a_message_that_a_gap_tears_ends_there() {
    let mut flow = Flow::new(false, 80);
    flow.data(ToServer, b"GET / HTTP/1.0\r\nHos");
    flow.gap(ToServer, 10);
    flow.data(ToServer, b"\r\nGET /b HTTP/1.0\r\n\r\n");
    let rows = flow.rows(ToServer);
    assert_eq!(rows[1], row("request", 2, 0, Some(0), b"GET / HTTP/1.0\r\nHos"));
    assert_eq!(rows[2], row("request", 3, 31, Some(1), b"GET /b HTTP/1.0\r\n\r\n"));
}

#[test]
fn nothing_is_kept_that_nobody_wants() {
    for (name, wanted, want) in [
        ("nothing", vec![], vec![]),
        ("the stream", vec!["http1.stream"], vec![("stream", 1)]),
        ("requests", vec!["http1.request"], vec![("request", 2)]),
        ("those of another protocol", vec!["dns.pdu"], vec![]),
    ] {
        let mut flow = Flow::new(false, 80);
        let mut set = Wanted::default();
        for proto in ["http", "dns"].map(|name| by_name(name).unwrap()) {
            let frames = proto.protocol().frames.iter();
            frames.filter(|info| wanted.contains(&info.name)).for_each(|info| set.add(proto, info));
        }
        flow.state.want(set);
        flow.data(ToServer, b"GET / HTTP/1.0\r\n\r\n");
        assert_eq!(flow.rows(ToServer).iter().map(|row| (row.0, row.1)).collect::<Vec<_>>(), want, "{name}");
        assert_eq!(flow.state.has_frames(), !want.is_empty(), "{name}");
    }
}

#[test]
fn frames_that_are_done_with_go_and_their_bytes_too() {
    let mut flow = Flow::new(false, 53);
    let message: Vec<u8> = [&[0, QUERY.len() as u8], QUERY].concat();
    for _ in 0..3 {
        flow.data(ToServer, &message);
        for mut open in flow.state.frames(ToServer) {
            assert!(open.is_due(1));
            open.inspected();
            open.state.told = true;
            assert!(!open.is_due(1));
        }
        assert_eq!(flow.state.release(), Losses::default());
        assert_eq!(flow.rows(ToServer).len(), 1, "the stream stays");
    }
    let stream = flow.state.frame(ToServer, 1).unwrap();
    assert_eq!(stream.size(), 3 * message.len() as u64);
}

#[test]
fn a_stream_is_looked_at_in_chunks() {
    let mut flow = Flow::new(false, 80);
    let due = |flow: &mut Flow| flow.state.frames(ToServer).next().unwrap().is_due(30);
    flow.data(ToServer, b"POST / HTTP/1.0\r\n");
    assert!(!due(&mut flow));
    flow.data(ToServer, b"Content-Length: 10\r\n\r\n");
    assert!(due(&mut flow));
    flow.state.frames(ToServer).next().unwrap().inspected();
    flow.data(ToServer, b"abc");
    assert!(!due(&mut flow));
    flow.state.finished();
    assert!(due(&mut flow), "the rest");
}

#[test]
fn too_many_frames_cost_the_oldest_and_are_counted() {
    let mut flow = Flow::new(false, 80);
    for _ in 0..MAX_FRAMES + 10 {
        flow.data(ToServer, b"GET / HTTP/1.0\r\n\r\n");
    }
    let rows = flow.rows(ToServer);
    assert_eq!((rows.len(), rows[0].0, rows[1].1), (MAX_FRAMES, "stream", 13));
    assert_eq!(flow.state.release().frames, 11);
}

#[test]
fn too_many_bytes_cost_the_oldest_and_are_counted() {
    let mut flow = Flow::new(false, 80);
    flow.data(ToServer, b"POST / HTTP/1.0\r\nContent-Length: 9999999\r\n\r\n");
    for _ in 0..LIMIT / 4096 {
        flow.data(ToServer, &[b'x'; 4096]);
    }
    let lost = flow.state.release().bytes;
    assert!(lost > 0 && lost < LIMIT as u64, "{lost}");
    let kept: usize = flow.state.frame(ToServer, 2).unwrap().parts().map(|part| part.data.len()).sum();
    assert!((WINDOW..=2 * WINDOW).contains(&kept), "{kept}");
}
