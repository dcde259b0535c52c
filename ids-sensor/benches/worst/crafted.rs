//! Traffic that makes an engine work hard for few bytes.

use super::wire::{ACK, By, Connection, End, FIN, RST, URG, ipv4, udp};

/// A name, and its packets.
pub(crate) type Case = (&'static str, Vec<Vec<u8>>);

/// Bytes of a stream in each case, roughly.
const STREAM: usize = 256 * 1024;
/// An ordinary segment.
const SEGMENT: usize = 1400;

const CLIENT: End = ([10, 0, 0, 1], 40_000);
const WEB: End = ([192, 0, 2, 1], 80);

/// All cases. `contents`: patterns of the rules in use.
pub(crate) fn cases(contents: &[Vec<u8>]) -> Vec<Case> {
    vec![
        ("one-byte segments of a body", web(&post(64 * 1024), b"", 1, 1)),
        ("one-byte segments, rarely acknowledged", web(&post(64 * 1024), b"", 1, 4096)),
        ("one-byte segments of one header line", web(&long_header(16 * 1024), b"", 1, 1)),
        ("one-byte segments of an answer", web(GET, &response(64 * 1024), 1, 1)),
        ("one-byte segments of no protocol", stream(4444, &vec![b'x'; 64 * 1024], 1)),
        ("segments in reverse order", reverse(1)),
        ("segments of ten bytes in reverse order", reverse(10)),
        ("every other byte, then the rest", every_other()),
        ("overlaps behind a hole", overlaps()),
        ("the same data again and again", retransmissions()),
        ("urgent bytes", urgent()),
        ("one-byte chunks of a request", web(&chunked(POST_CHUNKED, 1), b"", SEGMENT, 1)),
        ("one-byte chunks of an answer", web(GET, &chunked(RESPONSE_CHUNKED, 1), SEGMENT, 1)),
        ("one-byte chunks in one-byte segments", web(&chunked(POST_CHUNKED, 1)[..64 * 1024], b"", 1, 1)),
        ("tiny requests, pipelined", web(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(STREAM / 27), b"", SEGMENT, 1)),
        ("the least of requests", web(&b"GET /\n".repeat(STREAM / 6), b"", SEGMENT, 1)),
        ("tiny requests and answers", exchanges()),
        ("many header lines", web(&many_headers(STREAM), b"", SEGMENT, 1)),
        ("one header line, many times", web(&same_header(STREAM), b"", SEGMENT, 1)),
        ("many parts of a form", web(&form(STREAM), b"", SEGMENT, 1)),
        ("a body that is nearly a boundary", web(&near_boundary(STREAM), b"", SEGMENT, 1)),
        ("percent signs in a path", web(&percent(STREAM), b"", SEGMENT, 1)),
        ("dots in a path", web(&dots(STREAM), b"", SEGMENT, 1)),
        ("tiny messages of DNS over TCP", stream(53, &dns_over_tcp(STREAM), SEGMENT)),
        ("a byte of DNS over TCP a segment", stream(53, &dns_over_tcp(64 * 1024), 1)),
        ("DNS with many pointers", datagrams(53, &dns_pointers(), 300)),
        ("tiny records of TLS", stream(443, &tls_records(STREAM), SEGMENT)),
        ("a handshake in one-byte records", stream(443, &tls_handshake(), SEGMENT)),
        ("a handshake in one-byte segments", stream(443, &tls_handshake(), 1)),
        ("a new connection with each packet", syns()),
        ("tiny datagrams of new flows", many_flows()),
        ("tiny connections", connections()),
        ("fragments that overlap", fragments(true)),
        ("fragments of eight bytes", fragments(false)),
        ("patterns that almost match, in packets", datagrams(9999, &almost(contents, SEGMENT), 300)),
        ("patterns that almost match, in a stream", stream(4444, &almost(contents, STREAM), SEGMENT)),
        ("patterns that almost match, in a path", web(&almost_path(contents), b"", SEGMENT, 1)),
        ("patterns that match, in a stream", stream(4444, &whole(contents, STREAM), SEGMENT)),
        ("patterns that match, in packets", datagrams(9999, &whole(contents, SEGMENT), 300)),
        ("patterns that match, in an answer", web(GET, &answer(&whole(contents, STREAM)), SEGMENT, 1)),
        ("one letter", stream(4444, &vec![b'a'; STREAM], SEGMENT)),
        ("zeros", stream(4444, &vec![0; STREAM], SEGMENT)),
        ("tunnels in tunnels", tunnels()),
    ]
}

const GET: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: www.example.com\r\n\r\n";
const POST_CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: www.example.com\r\nTransfer-Encoding: chunked\r\n\r\n";
const RESPONSE_CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A request and an answer on a web server's port; what comes is acknowledged after every `often`-th segment.
fn web(request: &[u8], response: &[u8], size: usize, often: usize) -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    connection.say(By::Client, request, size, often);
    connection.say(By::Server, response, size, often);
    connection.packets
}

/// A client's stream to a port.
fn stream(port: u16, data: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, (WEB.0, port));
    connection.say(By::Client, data, size, 1);
    connection.packets
}

/// The same datagram many times.
fn datagrams(port: u16, data: &[u8], count: usize) -> Vec<Vec<u8>> {
    vec![udp(CLIENT, (WEB.0, port), data); count]
}

fn post(length: usize) -> Vec<u8> {
    let head = format!("POST / HTTP/1.1\r\nHost: www.example.com\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), &b"abcdefg=".repeat(length / 8)].concat()
}

fn answer(body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn response(length: usize) -> Vec<u8> {
    answer(&b"<p>text</p>\n".repeat(length / 12))
}

fn long_header(length: usize) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a\r\nCookie: ", &b"x=y; ".repeat(length / 5)[..], b"\r\n\r\n"].concat()
}

fn chunked(head: &[u8], size: usize) -> Vec<u8> {
    let chunk = [format!("{size:x}\r\n").as_bytes(), &vec![b'a'; size], b"\r\n"].concat();
    [head, &chunk.repeat(STREAM / chunk.len()), b"0\r\n\r\n"].concat()
}

fn many_headers(length: usize) -> Vec<u8> {
    let mut request = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    for number in 0.. {
        request.extend(format!("h{number}: {number}\r\n").bytes());
        if request.len() > length {
            break;
        }
    }
    [&request[..], b"\r\n"].concat()
}

fn same_header(length: usize) -> Vec<u8> {
    [b"GET / HTTP/1.1\r\nHost: a\r\n", &b"Cookie: a=b\r\n".repeat(length / 13)[..], b"\r\n"].concat()
}

fn form(length: usize) -> Vec<u8> {
    let part = b"--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\nx\r\n";
    with_form(&[&part.repeat(length / part.len()), &b"--b--\r\n"[..]].concat(), "b")
}

fn near_boundary(length: usize) -> Vec<u8> {
    let boundary = "-".repeat(60) + "b";
    let near = format!("\r\n--{}", "-".repeat(60));
    let body = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n");
    with_form(&[body.as_bytes(), &near.as_bytes().repeat(length / near.len())].concat(), &boundary)
}

fn with_form(body: &[u8], boundary: &str) -> Vec<u8> {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary={boundary}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Requests with paths of 8 KiB.
fn paths(piece: &[u8], length: usize) -> Vec<u8> {
    let path = piece.repeat(8192 / piece.len());
    let request = [b"GET /", &path[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    request.repeat(length / request.len() + 1)
}

fn percent(length: usize) -> Vec<u8> {
    paths(b"%25%32%35%u0025%", length)
}

fn dots(length: usize) -> Vec<u8> {
    paths(b"../a/./", length)
}

fn almost_path(contents: &[Vec<u8>]) -> Vec<u8> {
    let mut path = almost(contents, 8192);
    path.retain(u8::is_ascii_graphic);
    [b"GET /", &path[..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat().repeat(STREAM / 8192)
}

fn exchanges() -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    for _ in 0..2000 {
        connection.say(By::Client, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", SEGMENT, 1);
        connection.say(By::Server, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", SEGMENT, 1);
    }
    connection.packets
}

fn dns_query(number: u16) -> Vec<u8> {
    [&number.to_be_bytes()[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1]].concat()
}

fn dns_over_tcp(length: usize) -> Vec<u8> {
    let messages = (0..u16::try_from(length / 21).expect("not so many")).map(|number| {
        let query = dns_query(number);
        [&u16::try_from(query.len()).expect("it is short").to_be_bytes()[..], &query].concat()
    });
    messages.collect::<Vec<_>>().concat()
}

/// An answer whose names are pointers to pointers.
fn dns_pointers() -> Vec<u8> {
    let records = 80_u16;
    let mut message = vec![0, 1, 0x81, 0x80, 0, 1];
    message.extend(records.to_be_bytes());
    message.extend([0, 0, 0, 0, 1, b'a', 0, 0, 1, 0, 1]);
    let mut last = 12_u16;
    for _ in 0..records {
        let here = u16::try_from(message.len()).expect("it is short");
        message.extend([1, b'b']);
        message.extend((0xc000 | last).to_be_bytes());
        message.extend([0, 5, 0, 1, 0, 0, 0, 1, 0, 2]);
        message.extend((0xc000 | here).to_be_bytes());
        last = here;
    }
    message
}

fn tls_records(length: usize) -> Vec<u8> {
    [tls_handshake(), [22, 3, 3, 0, 1, 0].repeat(length / 6)].concat()
}

/// A hello of the client in records of one byte.
fn tls_handshake() -> Vec<u8> {
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 1, 1, 0, 0x3f, 0], &[0xff, 0xff, 0, 0].repeat(4032)].concat();
    let length = u32::try_from(body.len()).expect("it is short").to_be_bytes();
    let hello = [&[1], &length[1..], &body].concat();
    hello.iter().flat_map(|byte| [22, 3, 1, 0, 1, *byte]).collect()
}

fn numbered(number: u32) -> End {
    let [_, a, b, c] = number.to_be_bytes();
    ([10, a, b, c], 1024 + u16::try_from(number % 60_000).expect("below 60,000"))
}

fn syns() -> Vec<Vec<u8>> {
    let syn = |number| {
        let mut packets = Connection::open(numbered(number), WEB).packets;
        packets.swap_remove(0)
    };
    (0..8000).map(syn).collect()
}

fn many_flows() -> Vec<Vec<u8>> {
    (0..8000).map(|number| udp(numbered(number), (WEB.0, 53), &dns_query(1))).collect()
}

fn connections() -> Vec<Vec<u8>> {
    let one = |number: u32| {
        let mut connection = Connection::open(numbered(number), WEB);
        connection.say(By::Client, b"GET /\r\n\r\n", SEGMENT, 1);
        let [client, server] = connection.next;
        match number % 2 {
            0 => connection.segment(By::Client, ACK | RST, client, b""),
            _ => connection.segment(By::Server, ACK | FIN, server, b"bye"),
        }
        connection.packets
    };
    (0..1500).flat_map(one).collect()
}

/// A stream of which the first byte comes last.
fn reverse(size: u32) -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    let start = connection.next[0];
    for number in (0..6000).rev() {
        connection.segment(By::Client, ACK, start + number * size, &b"GET /GET /"[..size as usize]);
    }
    connection.next[0] += 6000 * size;
    connection.acknowledge(By::Server);
    connection.packets
}

fn every_other() -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    let start = connection.next[0];
    for number in (1..6000).step_by(2).chain((0..6000).step_by(2)) {
        connection.segment(By::Client, ACK, start + number, b"x");
    }
    connection.next[0] += 6000;
    connection.acknowledge(By::Server);
    connection.packets
}

/// Segments that all reach over each other and differ, behind a hole.
fn overlaps() -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    let start = connection.next[0];
    for number in 0..3000_u32 {
        let data = vec![b'a' + u8::try_from(number % 26).expect("a letter"); 100];
        connection.segment(By::Client, ACK, start + 1 + number * 7919 % 40_000, &data);
    }
    connection.segment(By::Client, ACK, start, b"G");
    connection.next[0] += 40_101;
    connection.acknowledge(By::Server);
    connection.packets
}

fn retransmissions() -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    let start = connection.next[0];
    for number in 0..3000_u32 {
        let data = vec![b'a' + u8::try_from(number % 26).expect("a letter"); 200];
        connection.segment(By::Client, ACK, start + number % 40, &data);
    }
    connection.next[0] += 239;
    connection.acknowledge(By::Server);
    connection.packets
}

fn urgent() -> Vec<Vec<u8>> {
    let mut connection = Connection::open(CLIENT, WEB);
    for _ in 0..3000 {
        let seq = connection.next[0];
        connection.segment(By::Client, ACK | URG, seq, b"ab");
        connection.next[0] += 2;
        connection.acknowledge(By::Server);
    }
    connection.packets
}

/// Datagrams in fragments that reach over each other, or in the smallest there are.
fn fragments(overlap: bool) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    for id in 0..4 {
        let length = if overlap { 64 } else { 8 };
        for number in 0..2000_u16 {
            // From behind; the first one comes last.
            let unit = 1999 - number;
            let more = if number == 0 { 0 } else { 0x2000 };
            let fill = [u8::try_from(number % 251).expect("a byte")];
            packets.push(ipv4(CLIENT.0, WEB.0, 17, (id, more | unit), &fill.repeat(length)));
        }
    }
    packets
}

/// The contents without their last byte, until there are so many bytes.
fn almost(contents: &[Vec<u8>], length: usize) -> Vec<u8> {
    fill(contents.iter().filter_map(|content| content.split_last()).map(|(_, most)| most), length)
}

/// The contents themselves.
fn whole(contents: &[Vec<u8>], length: usize) -> Vec<u8> {
    fill(contents.iter().map(Vec::as_slice), length)
}

fn fill<'c>(pieces: impl Iterator<Item = &'c [u8]> + Clone, length: usize) -> Vec<u8> {
    pieces.cycle().flatten().copied().take(length).collect()
}

/// IPv4 in IPv4, as deep as a packet can go.
fn tunnels() -> Vec<Vec<u8>> {
    let deep = (0..40).fold(udp(CLIENT, WEB, b"x"), |inner, _| ipv4(CLIENT.0, WEB.0, 4, (0, 0), &inner));
    vec![deep; 2000]
}
