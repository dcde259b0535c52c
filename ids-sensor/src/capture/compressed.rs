//! Capture files, compressed or not: gzip and zstd are found by their first bytes and unpacked in a thread of
//! their own.

use std::io::{self, Cursor, Read};

use crossbeam_channel::{Receiver, bounded};

/// Bytes of a piece on its way from the unpacking thread.
const PIECE: usize = 256 * 1024;

/// Pieces that may wait.
const WAITING: usize = 16;

/// Bytes looked at to find out what a file is; also enough for any pcap header.
const HEAD: usize = 64 * 1024;

/// How the bytes of a file are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    None,
    Gzip,
    Zstd,
}

impl Packing {
    /// Magic numbers: RFC 1952 §2.3.1, RFC 8878 §3.1.1.
    fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::None,
        }
    }
}

/// The plain bytes of a capture, whatever it is packed in. The first read returns at least as much as is
/// needed to recognise a file, if there is that much.
///
/// # Errors
/// The first bytes cannot be read, or the unpacking cannot be set up.
pub fn open(input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let (head, input) = peek(input)?;
    let packing = Packing::of(&head);
    let input = Cursor::new(head).chain(input);
    match packing {
        Packing::None => Ok(Box::new(input)),
        Packing::Gzip => whole(in_thread(flate2::read::MultiGzDecoder::new(input))),
        Packing::Zstd => whole(in_thread(zstd::stream::read::Decoder::new(input)?)),
    }
}

/// Puts the first bytes of unpacked data into one piece again.
fn whole(input: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let (head, input) = peek(input)?;
    Ok(Box::new(Cursor::new(head).chain(input)))
}

/// Reads the head; an error behind some bytes is met again at the next read.
fn peek(mut input: impl Read + Send + 'static) -> io::Result<(Vec<u8>, Box<dyn Read + Send>)> {
    let mut head = Vec::with_capacity(HEAD);
    let result = input.by_ref().take(HEAD as u64).read_to_end(&mut head);
    match result {
        Ok(_) => Ok((head, Box::new(input))),
        Err(error) if head.is_empty() => Err(error),
        Err(error) => Ok((head, Box::new(Failing(Some(error))))),
    }
}

/// Fails once, then ends.
struct Failing(Option<io::Error>);

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

/// Reads in a thread of its own, which ends with its input or when nobody wants the bytes any more.
fn in_thread(mut input: impl Read + Send + 'static) -> Pieces {
    let (send, pieces) = bounded(WAITING);
    std::thread::spawn(move || {
        loop {
            let mut piece = Vec::with_capacity(PIECE);
            let result = input.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            let end = piece.is_empty() || result.is_err();
            if (!piece.is_empty() && send.send(Ok(piece)).is_err()) || end {
                if let Err(error) = result {
                    // Nobody listening means nobody to tell.
                    let _ = send.send(Err(error));
                }
                return;
            }
        }
    });
    Pieces { pieces, current: Cursor::default() }
}

/// The receiving end.
struct Pieces {
    pieces: Receiver<io::Result<Vec<u8>>>,
    current: Cursor<Vec<u8>>,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.current.read(into)?;
            if count > 0 || into.is_empty() {
                return Ok(count);
            }
            match self.pieces.recv() {
                Ok(piece) => self.current = Cursor::new(piece?),
                Err(_) => return Ok(0),
            }
        }
    }
}
