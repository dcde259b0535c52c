//! Capture files: pcap and pcapng, plain or compressed, from a file or a pipe.
//!
//! In: bytes.  Out: batches of packets; at the end, what was wrong with the file. Everything before a damage is
//! delivered. Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};

use ids_core::packet::LinkType;
use ids_core::time::Time;
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::traits::PcapReaderIterator;
use pcap_parser::{Block, InterfaceDescriptionBlock, PcapBlockOwned, PcapError, PcapHeader};

use super::compressed;
use super::filter::Filter;
use super::source::{Batch, Meta, Source};

/// Larger packets than this are no packets but damage.
pub const MAX_CAPLEN: usize = 256 * 1024;

/// Bytes of the file held at once; four of the largest packets.
const BUFFER: usize = 1 << 20;

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system does not let us.
    #[error("cannot read {name}: {source}")]
    Read {
        /// Which file.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It is something else.
    #[error("{name} is no capture: neither pcap nor pcapng, also not compressed")]
    NoCapture {
        /// Which file.
        name: String,
    },
}

/// Where a file ends to make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Bytes of the (unpacked) file before it.
    pub offset: u64,
    /// What is wrong.
    pub what: String,
}

/// What was odd about a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Where it could not be read on.
    pub damage: Option<Damage>,
    /// Packets longer than the file says packets can be.
    pub above_snaplen: u64,
    /// Packets of interfaces that the file does not describe; left out.
    pub unknown_interface: u64,
}

/// An interface of a pcapng section, or the only one of a pcap file.
#[derive(Clone, Copy, Debug)]
struct Interface {
    link: LinkType,
    /// 0: no limit.
    snaplen: u32,
    clock: Clock,
}

/// How timestamps count.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// Units of a second.
    resolution: u64,
    /// Seconds to add.
    offset: i64,
}

impl Clock {
    fn time(self, ticks: u64) -> Time {
        let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(self.resolution);
        let nanos = i128::try_from(nanos).unwrap_or(i128::MAX).saturating_add(i128::from(self.offset) * 1_000_000_000);
        Time::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
    }
}

/// A capture file being read.
pub struct Pcap {
    reader: Box<dyn PcapReaderIterator + Send>,
    interfaces: Vec<Interface>,
    filter: Option<Filter>,
    next_id: u64,
    findings: Findings,
    read_error: Arc<Mutex<Option<io::Error>>>,
    done: bool,
}

impl std::fmt::Debug for Pcap {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Pcap").field("next_id", &self.next_id).field("findings", &self.findings).finish()
    }
}

impl Pcap {
    /// Opens a file; `-` is standard input. Packets that the filter does not want keep their numbers to
    /// themselves.
    ///
    /// # Errors
    /// The file cannot be read, or is no capture.
    pub fn open(path: &Path, filter: Option<Filter>) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        let read = |source| OpenError::Read { name: name.clone(), source };
        if path == Path::new("-") {
            Self::read(io::stdin(), "standard input", filter)
        } else {
            let file = File::open(path).map_err(read)?;
            if file.metadata().map_err(read)?.is_dir() {
                return Err(read(io::Error::from(io::ErrorKind::IsADirectory)));
            }
            Self::read(file, &name, filter)
        }
    }

    /// Reads from anything.
    ///
    /// # Errors
    /// The bytes cannot be read, or are no capture.
    pub fn read(input: impl Read + Send + 'static, name: &str, filter: Option<Filter>) -> Result<Self, OpenError> {
        let name = name.to_owned();
        let read_error = Arc::default();
        let input = compressed::open(input).map_err(|source| OpenError::Read { name: name.clone(), source })?;
        let input = Noting { input, error: Arc::clone(&read_error) };
        let reader = pcap_parser::create_reader(BUFFER, input).map_err(|_| OpenError::NoCapture { name })?;
        let (interfaces, findings) = (Vec::new(), Findings::default());
        Ok(Self { reader, interfaces, filter, next_id: 1, findings, read_error, done: false })
    }

    /// What was odd so far; complete once [`fill`](Source::fill) said that nothing follows.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Bytes of the unpacked file that were read so far.
    pub fn position(&self) -> u64 {
        self.reader.consumed() as u64
    }

    /// Reads on until there is a packet in the batch or the file ends; `false` at the end.
    fn step(&mut self, batch: &mut Batch) -> bool {
        let offset = self.reader.consumed() as u64;
        let mut context = Context {
            interfaces: &mut self.interfaces,
            filter: self.filter.as_ref(),
            next_id: &mut self.next_id,
            findings: &mut self.findings,
            batch,
        };
        let outcome = match self.reader.next() {
            Ok((used, block)) => context.block(block).map_or_else(Outcome::Damage, |()| Outcome::Used(used)),
            Err(PcapError::Eof) => Outcome::End,
            Err(PcapError::Incomplete(_)) => Outcome::Short,
            Err(PcapError::UnexpectedEof) => Outcome::Cut,
            Err(PcapError::BufferTooSmall) => Outcome::Damage(format!("a packet of more than {MAX_CAPLEN} bytes")),
            Err(PcapError::ReadError) => Outcome::Damage(self.read_failure()),
            Err(_) => Outcome::Damage("this is no packet".to_owned()),
        };
        let what = match outcome {
            Outcome::Used(bytes) => {
                self.reader.consume(bytes);
                return true;
            }
            Outcome::Short if self.reader.refill().is_ok() => return true,
            Outcome::Short => self.read_failure(),
            Outcome::End => return false,
            Outcome::Cut if self.reader.data().is_empty() => return false,
            Outcome::Cut => "the file ends in the middle of a packet".to_owned(),
            Outcome::Damage(what) => what,
        };
        self.findings.damage = Some(Damage { offset, what });
        false
    }

    fn read_failure(&self) -> String {
        let error = self.read_error.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        error.map_or_else(|| "the file cannot be read on".to_owned(), |error| error.to_string())
    }
}

/// What came of asking the parser for the next block.
enum Outcome {
    /// So many bytes are done with.
    Used(usize),
    /// The buffer holds too little of the file.
    Short,
    /// The file is at its end.
    End,
    /// The file is at its end, the block is not.
    Cut,
    Damage(String),
}

impl Source for Pcap {
    fn fill(&mut self, batch: &mut Batch) -> bool {
        while !self.done && !batch.is_full() {
            self.done = !self.step(batch);
        }
        !self.done
    }
}

/// Keeps what the system said when a read failed: the parser only tells that it did.
struct Noting<R> {
    input: R,
    error: Arc<Mutex<Option<io::Error>>>,
}

impl<R: Read> Read for Noting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.input.read(into).inspect_err(|error| {
            let copy = io::Error::new(error.kind(), error.to_string());
            *self.error.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(copy);
        })
    }
}

/// What taking a block needs of [`Pcap`] while the parser's buffer is borrowed.
struct Context<'a> {
    interfaces: &'a mut Vec<Interface>,
    filter: Option<&'a Filter>,
    next_id: &'a mut u64,
    findings: &'a mut Findings,
    batch: &'a mut Batch,
}

impl Context<'_> {
    /// Takes one block; `Err` says why it is damage.
    fn block(&mut self, block: PcapBlockOwned<'_>) -> Result<(), String> {
        match block {
            PcapBlockOwned::LegacyHeader(header) => {
                self.interfaces.push(Interface::of_pcap(&header));
                Ok(())
            }
            PcapBlockOwned::Legacy(record) => {
                let fraction = u64::from(record.ts_usec);
                let Some(&interface) = self.interfaces.first() else { return Err("no file header".to_owned()) };
                let ticks = u64::from(record.ts_sec) * interface.clock.resolution + fraction;
                self.packet(interface, ticks, record.caplen, record.data)
            }
            PcapBlockOwned::NG(block) => self.ng(&block),
        }
    }

    fn ng(&mut self, block: &Block<'_>) -> Result<(), String> {
        match block {
            Block::SectionHeader(_) => self.interfaces.clear(),
            Block::InterfaceDescription(description) => self.interfaces.push(Interface::of_pcapng(description)),
            Block::EnhancedPacket(packet) => {
                let Some(&interface) = self.interfaces.get(packet.if_id as usize) else {
                    self.findings.unknown_interface += 1;
                    return Ok(());
                };
                let ticks = u64::from(packet.ts_high) << 32 | u64::from(packet.ts_low);
                return self.packet(interface, ticks, packet.caplen, packet.packet_data());
            }
            Block::SimplePacket(packet) => {
                let Some(&interface) = self.interfaces.first() else {
                    self.findings.unknown_interface += 1;
                    return Ok(());
                };
                // Simple packets carry no time.
                let data = packet.packet_data();
                return self.packet(interface, 0, u32::try_from(data.len()).unwrap_or(u32::MAX), data);
            }
            _ => {}
        }
        Ok(())
    }

    fn packet(&mut self, interface: Interface, ticks: u64, caplen: u32, data: &[u8]) -> Result<(), String> {
        let length = (caplen as usize).min(data.len());
        if caplen as usize > MAX_CAPLEN {
            return Err(format!("a packet of {caplen} bytes"));
        }
        if interface.snaplen != 0 && caplen > interface.snaplen {
            self.findings.above_snaplen += 1;
        }
        let data = &data[..length];
        if self.filter.is_some_and(|filter| !filter.wants(interface.link, data)) {
            return Ok(());
        }
        let meta = Meta { id: *self.next_id, port: 0, time: interface.clock.time(ticks), link: interface.link };
        *self.next_id += 1;
        self.batch.push(meta, data);
        Ok(())
    }
}

impl Interface {
    /// The upper bits of the link type tell of frame check sequences, not of the type.
    fn of_pcap(header: &PcapHeader) -> Self {
        let resolution = if header.is_nanosecond_precision() { 1_000_000_000 } else { 1_000_000 };
        Self { link: link_type(header.network.0), snaplen: header.snaplen, clock: Clock { resolution, offset: 0 } }
    }

    fn of_pcapng(description: &InterfaceDescriptionBlock<'_>) -> Self {
        Self {
            link: link_type(description.linktype.0),
            snaplen: description.snaplen,
            clock: Clock { resolution: resolution(description.if_tsresol), offset: description.if_tsoffset },
        }
    }
}

fn link_type(number: i32) -> LinkType {
    LinkType::from_number(u32::from_le_bytes(number.to_le_bytes()) & 0xffff)
}

/// `if_tsresol`: a negative power of ten, or of two if the top bit is set. Nonsense counts as microseconds.
fn resolution(value: u8) -> u64 {
    let exponent = u32::from(value & 0x7f);
    let base: u64 = if value & 0x80 == 0 { 10 } else { 2 };
    base.checked_pow(exponent).unwrap_or(1_000_000)
}

#[cfg(test)]
mod tests;
