//! One request with its response, of which each may come in several packets.

use super::association::Association;
use super::packet::{self, Header, Interface, direction, kind};
use crate::app::cursor::Cursor;
use crate::field::Dir;

/// Bytes of arguments that are kept for rules, by direction.
const MOST_STUB: usize = 1 << 20;

/// Bytes of a request between the header and its arguments: a hint, the context, the number of the operation.
const REQUEST_HEAD: usize = 8;

/// The arguments or the results of a call.
#[derive(Debug, Default)]
pub(super) struct Stub {
    /// As far as they are kept.
    pub(super) data: Vec<u8>,
    pub(super) size: u64,
    pub(super) packets: u32,
    /// Numbers begin with the lowest byte.
    pub(super) little: bool,
}

impl Stub {
    fn add(&mut self, data: &[u8], little: bool) {
        let room = MOST_STUB.saturating_sub(self.data.len()).min(data.len());
        self.data.extend_from_slice(data.get(..room).unwrap_or_default());
        self.size += data.len() as u64;
        self.packets = self.packets.saturating_add(1);
        self.little = little;
    }
}

/// A call.
#[derive(Debug, Default)]
pub(in crate::app) struct Call {
    pub(in crate::app) number: u32,
    pub(in crate::app) version: (u8, u8),
    /// Type of the request and of the response, once they came.
    pub(super) kinds: [Option<u8>; 2],
    pub(super) operation: Option<u16>,
    /// What a BIND offers; the one that a request is of.
    pub(super) interfaces: Vec<Interface>,
    /// The first packet of the request was seen.
    pub(super) begun: bool,
    pub(super) stubs: [Stub; 2],
    done: [bool; 2],
}

impl Call {
    /// One of this number, in this version of the protocol.
    pub(in crate::app) fn new(number: u32, version: (u8, u8)) -> Self {
        Self { number, version, ..Self::default() }
    }

    /// Whether a packet goes on with this call.
    pub(in crate::app) fn awaits(&self, header: &Header) -> bool {
        if self.number != header.call {
            return false;
        }
        let [request, response] = self.kinds;
        let [asked, answered] = self.done;
        match direction(header.kind) {
            Dir::ToServer => !asked && !header.is_first() && request == Some(header.kind),
            Dir::ToClient if answered => false,
            Dir::ToClient => match response {
                Some(response) => response == header.kind && !header.is_first(),
                None => request.is_none_or(|request| pairs(request, header.kind)),
            },
        }
    }

    /// Takes the body of a packet of a connection. `results`: where in that of a response the results begin.
    pub(in crate::app) fn take(&mut self, header: &Header, body: &[u8], results: usize, association: &mut Association) {
        let dir = direction(header.kind);
        self.is_of(header.kind);
        match header.kind {
            kind::REQUEST => self.request(header, body, association),
            // One that does not say that it is whole binds nothing (C706 §12.6.4.3).
            kind::BIND | kind::ALTER if header.is_first() => {
                self.interfaces = packet::offered(body, header.little);
                association.offer(&self.interfaces);
            }
            kind::BIND_ACK | kind::ALTER_RESP => {
                for (interface, answer) in self.interfaces.iter_mut().zip(packet::answered(body, header.little)) {
                    interface.answer = Some(answer);
                }
                association.answer(&self.interfaces);
            }
            kind::RESPONSE => {
                let [_, stub] = &mut self.stubs;
                stub.add(body.get(results..).unwrap_or_default(), header.little);
            }
            _ => {}
        }
        if header.is_last() || !matches!(header.kind, kind::REQUEST | kind::RESPONSE) {
            self.finish(dir);
        }
    }

    fn is_of(&mut self, kind: u8) {
        let [request, response] = &mut self.kinds;
        *(if direction(kind) == Dir::ToServer { request } else { response }) = Some(kind);
    }

    /// What follows the head counts as arguments: so do the object that is called, and what proves who calls.
    fn request(&mut self, header: &Header, body: &[u8], association: &Association) {
        let mut at = Cursor::new(body, header.little);
        if let (Some(_), Some(context), Some(operation)) = (at.u32(), at.u16(), at.u16()) {
            self.operation = Some(operation);
            self.interfaces = association.interface(context).cloned().into_iter().collect();
        }
        self.begun |= header.is_first();
        let [stub, _] = &mut self.stubs;
        stub.add(body.get(REQUEST_HEAD..).unwrap_or_default(), header.little);
    }

    /// Takes a datagram.
    pub(in crate::app) fn datagram(&mut self, datagram: &Datagram<'_>) {
        let dir = direction(datagram.kind);
        self.is_of(datagram.kind);
        let [arguments, results] = &mut self.stubs;
        let stub = if dir == Dir::ToServer { arguments } else { results };
        stub.add(datagram.stub, datagram.little);
        if dir == Dir::ToServer {
            let (uuid, version) = (datagram.interface, (datagram.version, 0));
            self.operation = Some(datagram.operation);
            self.interfaces = vec![Interface { context: 0, uuid, version, answer: None }];
            self.begun |= datagram.first;
        }
        if datagram.last {
            self.finish(dir);
        }
    }

    /// Nothing more comes of a direction.
    pub(in crate::app) fn finish(&mut self, dir: Dir) {
        let [request, response] = &mut self.done;
        *(if dir == Dir::ToServer { request } else { response }) = true;
    }

    /// Whether a direction is complete.
    pub(in crate::app) fn is_done(&self, dir: Dir) -> bool {
        let [request, response] = self.done;
        if dir == Dir::ToServer { request } else { response }
    }

    /// Whether its request was not seen.
    pub(in crate::app) fn is_lost(&self) -> bool {
        let [request, _] = self.kinds;
        request.is_none()
    }

    /// Whether numbers in what a direction carries begin with the lowest byte.
    pub(in crate::app) fn little(&self, dir: Dir) -> bool {
        let [request, response] = &self.stubs;
        if dir == Dir::ToServer { request.little } else { response.little }
    }
}

/// What a datagram says of its call (C706 §12.5.2).
#[derive(Debug)]
pub(in crate::app) struct Datagram<'a> {
    pub(in crate::app) kind: u8,
    pub(in crate::app) little: bool,
    pub(in crate::app) interface: [u8; 16],
    pub(in crate::app) version: u16,
    pub(in crate::app) operation: u16,
    pub(in crate::app) first: bool,
    pub(in crate::app) last: bool,
    pub(in crate::app) stub: &'a [u8],
}

/// Whether a response is to a request of this type (C706 §12.6.1, MS-RPCE §3.3.1.5.2).
const fn pairs(request: u8, response: u8) -> bool {
    match response {
        kind::RESPONSE => request == kind::REQUEST,
        kind::BIND_ACK | kind::BIND_NAK => request == kind::BIND,
        kind::ALTER_RESP => request == kind::ALTER,
        kind::FAULT => matches!(request, kind::REQUEST | kind::ALTER),
        _ => false,
    }
}
