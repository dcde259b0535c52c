//! TCP connections, segment by segment, as both ends send them.

use super::packet::{ACK, Frame, SYN, segment};

pub const FIN: u8 = 1;
pub const RST: u8 = 4;

/// A connection, and what was sent on it so far.
pub struct Transfer {
    ends: [(&'static str, u16); 2],
    next: [u32; 2],
    pub frames: Vec<Frame>,
    /// By direction, the client's first.
    pub packets: [u64; 2],
}

impl Transfer {
    /// A handshake between a client and a server.
    pub fn open(client: (&'static str, u16), server: (&'static str, u16)) -> Self {
        let mut new = Self { ends: [client, server], next: [1000, 5000], frames: Vec::new(), packets: [0; 2] };
        new.send(true, SYN, b"");
        new.send(false, SYN | ACK, b"");
        new.send(true, ACK, b"");
        new
    }

    /// A segment from the client (`up`) or the server.
    pub fn send(&mut self, up: bool, flags: u8, data: &[u8]) {
        let (me, peer) = if up { (0, 1) } else { (1, 0) };
        let ack = if flags & ACK == 0 { 0 } else { self.next[peer] };
        self.frames.push(segment(self.ends[me], self.ends[peer], flags, (self.next[me], ack), data));
        self.next[me] += data.len() as u32 + u32::from(flags & (SYN | FIN) != 0);
        self.packets[me] += 1;
    }

    /// A request, and an answer of so many pieces of 1000 bytes, each acknowledged.
    pub fn get(&mut self, name: &str, pieces: usize) {
        self.send(true, ACK, format!("GET /{name} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", pieces * 1000);
        let pieces = std::iter::repeat_n(&[b'x'; 1000][..], pieces);
        for piece in std::iter::once(head.as_bytes()).chain(pieces) {
            self.send(false, ACK, piece);
            self.send(true, ACK, b"");
        }
    }

    /// The server says its latest piece again.
    pub fn again(&mut self) {
        let [.., piece, _] = &self.frames[..] else { return };
        self.frames.push(piece.clone());
        self.packets[1] += 1;
    }

    /// Both sides end it.
    pub fn close(&mut self) {
        self.send(true, FIN | ACK, b"");
        self.send(false, FIN | ACK, b"");
        self.send(true, ACK, b"");
    }
}
