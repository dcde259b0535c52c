//! What was read of a connection: its one transaction.
//!
//! Messages come in as they are read; what is shown of them is worked out once. Of each message the first counts.

use super::certificate::Chain;
use super::events::Event;
use super::fields::FIELDS;
use super::fingerprint::{self, Ja3};
use super::hello::{ClientHello, Common, ServerHello};
use super::{Config, Ja4, version};
use crate::app::events::Events;
use crate::app::parser::{self, Detail, Transaction as _};
use crate::field::{Dir, Value};
use crate::record::Writer;

/// How far a direction has come: positions in the protocol's lists of states.
pub(super) mod progress {
    use crate::field::Dir;

    /// The side's hello was read.
    pub(in super::super) const HELLO: u8 = 1;
    /// So were its certificates.
    pub(in super::super) const CERTIFICATE: u8 = 2;
    /// The server waits for the client.
    pub(in super::super) const SERVER_HELLO_DONE: u8 = 3;

    /// The side sends encrypted.
    pub(in super::super) const fn handshake_done(dir: Dir) -> u8 {
        match dir {
            Dir::ToServer => 3,
            Dir::ToClient => 4,
        }
    }

    /// The side is done.
    pub(in super::super) const fn finished(dir: Dir) -> u8 {
        handshake_done(dir) + 1
    }
}

/// Messages that only count as such; the numbers are bits of `ssl_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Exchanged {
    ClientHello = 1,
    ServerHello = 2,
    ClientKey = 4,
    ServerKey = 8,
    /// None of the others.
    Nothing = 16,
    /// No state of `ssl_state`.
    CertificateRequest = 32,
}

/// The handshake.
#[derive(Debug)]
pub(super) struct Tx {
    /// What the connection spoke before.
    pub(super) before: Option<&'static str>,
    pub(super) client: Option<ClientHello>,
    pub(super) server: Option<ServerHello>,
    /// Certificates by direction.
    chains: [Option<Chain>; 2],
    pub(super) ja3: Option<Ja3>,
    pub(super) ja3s: Option<Ja3>,
    pub(super) ja4: Option<String>,
    /// What becomes of the last.
    ja4_use: Ja4,
    /// The server went on with an earlier session instead of showing a certificate.
    pub(super) resumed: bool,
    exchanged: u8,
    progress: [u8; 2],
    revision: u32,
    events: Events,
}

impl Tx {
    pub(super) fn new(ja4_use: Ja4) -> Self {
        Self {
            client: None,
            server: None,
            chains: [None, None],
            ja3: None,
            ja3s: None,
            before: None,
            ja4: None,
            ja4_use,
            resumed: false,
            exchanged: 0,
            progress: [0; 2],
            revision: 0,
            events: Events::default(),
        }
    }

    pub(super) fn note(&mut self, event: Event) {
        self.revision += 1;
        self.events.note(event as u8);
    }

    pub(super) fn exchanged(&mut self, what: Exchanged) {
        self.revision += 1;
        self.exchanged |= what as u8;
    }

    /// A direction has come this far, if it was not further already.
    pub(super) fn reach(&mut self, dir: Dir, progress: u8) {
        self.revision += 1;
        let [client, server] = &mut self.progress;
        let reached = if dir == Dir::ToServer { client } else { server };
        *reached = progress.max(*reached);
    }

    pub(super) fn client_hello(&mut self, hello: ClientHello, config: &Config) {
        self.exchanged(Exchanged::ClientHello);
        self.reach(Dir::ToServer, progress::HELLO);
        if self.client.is_none() {
            self.ja3 = config.ja3.then(|| Ja3::client(&hello));
            self.ja4 = (config.ja4 != Ja4::Off).then(|| fingerprint::ja4(&hello));
            self.client = Some(hello);
        }
    }

    pub(super) fn server_hello(&mut self, hello: ServerHello, config: &Config) {
        self.exchanged(Exchanged::ServerHello);
        self.reach(Dir::ToClient, progress::HELLO);
        if self.server.is_none() {
            self.ja3s = config.ja3.then(|| Ja3::server(&hello));
            self.server = Some(hello);
        }
    }

    /// A side sent certificates, which `read` reads.
    pub(super) fn certificate(&mut self, dir: Dir, read: impl FnOnce(&mut dyn FnMut(Event)) -> Chain) {
        let chain = read(&mut |event| self.note(event));
        self.reach(dir, progress::CERTIFICATE);
        let [client, server] = &mut self.chains;
        let place = if dir == Dir::ToServer { client } else { server };
        if place.is_none() {
            *place = Some(chain);
        }
    }

    /// A direction cannot be read any more.
    pub(super) fn encrypted(&mut self, dir: Dir) {
        let hidden = self.server.as_ref().is_some_and(|hello| version::is_1_3(hello.version()));
        if dir == Dir::ToClient && self.progress(dir) == progress::HELLO && !hidden {
            self.resumed = true;
        }
        self.reach(dir, progress::handshake_done(dir));
    }

    /// What both hellos have, of one side.
    pub(super) fn hello(&self, dir: Dir) -> Option<&Common> {
        match dir {
            Dir::ToServer => self.client.as_ref().map(|hello| &hello.common),
            Dir::ToClient => self.server.as_ref().map(|hello| &hello.common),
        }
    }

    /// Certificates of one side.
    pub(super) fn chain(&self, dir: Dir) -> Option<&Chain> {
        let [client, server] = &self.chains;
        if dir == Dir::ToServer { client.as_ref() } else { server.as_ref() }
    }

    /// The version that a side offers at most or has chosen, and whether an extension says so.
    pub(super) fn version(&self, dir: Dir) -> Option<(u16, bool)> {
        match dir {
            Dir::ToServer => self.client.as_ref().map(|hello| (hello.version(), !hello.versions.is_empty())),
            Dir::ToClient => self.server.as_ref().map(|hello| (hello.version(), hello.selected.is_some())),
        }
    }

    /// Which messages were seen, as bits of [`Exchanged`].
    pub(super) fn state(&self) -> u8 {
        match self.exchanged & !(Exchanged::CertificateRequest as u8) {
            0 => Exchanged::Nothing as u8,
            seen => seen,
        }
    }

    /// Whether a record shows JA4.
    pub(super) fn shows_ja4(&self, asked: bool) -> bool {
        self.ja4_use == Ja4::Shown || asked
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        match FIELDS.get(field) {
            Some(field) if field.info.dirs.contains(dir) && (field.info.multi || instance == 0) => {
                (field.get)(self, dir, instance, scratch)
            }
            _ => Value::Absent,
        }
    }

    fn progress(&self, dir: Dir) -> u8 {
        let [client, server] = self.progress;
        if dir == Dir::ToServer { client } else { server }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &self.events
    }

    fn certificates(&self, dir: Dir) -> Option<parser::Certificates<'_>> {
        let chain = self.chain(dir).filter(|chain| chain.len() > 0)?;
        let leaf = chain.leaf.as_ref();
        Some(parser::Certificates {
            chain: chain.iter().collect(),
            time: chain.time,
            subject: leaf.map_or(&[], |leaf| &leaf.subject),
            issuer: leaf.map_or(&[], |leaf| &leaf.issuer),
            fingerprint: leaf.map_or("", |leaf| &leaf.fingerprint),
        })
    }

    fn settled(&self) -> bool {
        let asked = self.exchanged & Exchanged::CertificateRequest as u8 != 0;
        self.progress(Dir::ToClient) >= progress::SERVER_HELLO_DONE
            && (!asked || self.progress(Dir::ToServer) >= progress::CERTIFICATE)
    }

    fn recorded(&self) -> bool {
        self.client.is_some() || self.server.is_some()
    }

    fn record(&self, detail: &Detail<'_>, out: &mut dyn Writer) {
        super::log::write(self, detail, out);
    }
}
