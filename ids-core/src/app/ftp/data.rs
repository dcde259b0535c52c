//! Data connections of FTP (RFC 959 §3.2): one transaction each, and the file that it brings.
//!
//! In: all bytes of either direction, and what the control connection said of it.  Out: a file, if one was named; listings
//! are none.
//! Holds of the file what rules look at: the latest bytes.

use std::ops::Range;

use crate::app::expected::Topic;
use crate::app::file::{Care, File};
use crate::app::kept::Kept;
use crate::app::parser::{self, Detail, Input, Parsed, Protocol};
use crate::field::Dirs::Both;
use crate::field::{BytesKind, Dir, Field, Value};
use crate::record::Writer;

/// Data connections of FTP.
pub static PROTOCOL: Protocol = Protocol {
    name: "ftp-data",
    rule_names: &["ftp-data"],
    tcp: true,
    fields: || FIELDS.iter().map(|field| &field.info).collect(),
    record: Some("ftp_data"),
    session: Some(|config, facts| Box::new(Data::new(Care { wanted: facts.files, ..config.files.care.clone() }))),
    ..Protocol::BARE
};

/// Bytes of a file that stay after inspection.
const WINDOW: usize = 32 * 1024;

/// Commands by number, as rules name them.
const COMMANDS: &[(&str, u64)] =
    &[("stor", 0), ("appe", 1), ("stou", 2), ("retr", 3), ("nlst", 4), ("list", 5), ("mlsd", 6)];

/// Progress: what the control connection said is there from the start, the file is whole at the end.
const START: u8 = 0;
const COMPLETE: u8 = 1;

type Row = Field<Tx>;

/// The fields; the position is the number.
static FIELDS: &[Row] = &[
    Row::uint(
        "ftpdata_command",
        8,
        Both,
        START,
        |tx, _, _, _| command(tx),
        "The command that brought the connection about.",
    )
    .names(COMMANDS),
    Row::bytes(
        "file.data",
        Both,
        COMPLETE,
        |tx, dir, _, _| if tx.carries(dir) { tx.kept.value() } else { Value::Absent },
        "Content of the file.",
    )
    .aliases(&["file_data"])
    .kind(BytesKind::STREAMING)
    .multi(),
    Row::bytes(
        "file.name",
        Both,
        COMPLETE,
        |tx, dir, _, _| at_once(tx.file_of(dir).map(|file| file.name.as_slice())),
        "Name of the file, as the control connection gave it.",
    )
    .kind(BytesKind::STREAMING)
    .multi(),
    Row::bytes(
        "file.magic",
        Both,
        COMPLETE,
        |tx, dir, _, _| at_once(tx.file_of(dir).and_then(|file| file.kind.as_deref()).map(str::as_bytes)),
        "What libmagic would call the file, by its first bytes.",
    )
    .kind(BytesKind::STREAMING)
    .multi(),
];

fn command(tx: &Tx) -> Value<'static> {
    let row = COMMANDS.iter().find(|row| tx.topic.command.eq_ignore_ascii_case(row.0));
    row.map_or(Value::Absent, |row| Value::Uint(row.1))
}

/// What is final as soon as it is there.
fn at_once(bytes: Option<&[u8]>) -> Value<'_> {
    bytes.map_or(Value::Absent, |data| Value::Stream { data, offset: 0, complete: true })
}

/// What a connection brings.
#[derive(Debug, Default)]
struct Tx {
    topic: Topic,
    /// At most one.
    files: Vec<File>,
    kept: Kept,
    done: bool,
    revision: u32,
}

impl Tx {
    fn file_of(&self, dir: Dir) -> Option<&File> {
        self.files.first().filter(|file| file.dir == Some(dir))
    }

    fn carries(&self, dir: Dir) -> bool {
        self.file_of(dir).is_some()
    }
}

impl parser::Transaction for Tx {
    fn field<'a>(&'a self, field: usize, dir: Dir, instance: usize, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let field = FIELDS.get(field).filter(|_| instance == 0);
        field.map_or(Value::Absent, |field| (field.get)(self, dir, instance, scratch))
    }

    fn progress(&self, _: Dir) -> u8 {
        if self.done { COMPLETE } else { START }
    }

    fn revision(&self, _: Dir) -> u32 {
        self.revision
    }

    fn events(&self) -> &[u8] {
        &[]
    }

    fn files(&self, dir: Dir) -> &[File] {
        if self.carries(dir) { &self.files } else { &[] }
    }

    fn record(&self, _: &Detail<'_>, out: &mut dyn Writer) {
        out.text("command", self.topic.command.as_bytes());
        if !self.topic.name.is_empty() {
            out.text("filename", &self.topic.name);
        }
    }
}

/// The state of one connection.
#[derive(Debug)]
struct Data {
    care: Care,
    /// `None` once it was released.
    tx: Option<Tx>,
    /// A direction ends early: the rest of it is not looked at.
    cut: [bool; 2],
}

impl Data {
    fn new(care: Care) -> Self {
        Self { care, tx: Some(Tx::default()), cut: [false; 2] }
    }

    fn is_cut(&self, dir: Dir) -> bool {
        let [client, server] = self.cut;
        if dir == Dir::ToServer { client } else { server }
    }
}

impl parser::Session for Data {
    fn about(&mut self, topic: &Topic) {
        if let Some(tx) = &mut self.tx {
            tx.topic = topic.clone();
        }
    }

    fn parse(&mut self, input: Input<'_>) -> Parsed {
        let cut = self.is_cut(input.dir);
        let Some(tx) = &mut self.tx else { return Parsed::all(&input) };
        tx.revision += 1;
        if tx.files.is_empty() && !tx.topic.name.is_empty() && !input.data.is_empty() {
            tx.files.push(File::new(tx.topic.name.clone(), input.dir, &self.care));
        }
        if let Some(file) = tx.files.first_mut().filter(|file| file.dir == Some(input.dir)) {
            file.append(input.data);
            tx.kept.push(input.data);
            if input.last {
                if cut {
                    file.truncate()
                } else {
                    file.close()
                }
                tx.kept.complete = true;
            }
        }
        // The other direction brings nothing, whenever it ends.
        tx.done |= input.last && (tx.files.is_empty() || tx.carries(input.dir));
        Parsed::all(&input)
    }

    fn cut(&mut self, dir: Dir) {
        let [client, server] = &mut self.cut;
        *(if dir == Dir::ToServer { client } else { server }) = true;
    }

    fn gap(&mut self, dir: Dir, bytes: u64) -> Parsed {
        if let Some(tx) = &mut self.tx
            && let Some(file) = tx.files.first_mut().filter(|file| file.dir == Some(dir))
        {
            file.gap(bytes);
            tx.kept.gap(bytes);
            tx.revision += 1;
        }
        Parsed::Used { bytes: 0, need: 0 }
    }

    fn transactions(&self) -> Range<u64> {
        u64::from(self.tx.is_none())..1
    }

    fn transaction(&self, id: u64) -> Option<&dyn parser::Transaction> {
        self.tx.as_ref().filter(|_| id == 0).map(|tx| tx as &dyn parser::Transaction)
    }

    fn inspected(&mut self, _: u64, dir: Dir) {
        if let Some(tx) = self.tx.as_mut().filter(|tx| tx.carries(dir)) {
            tx.kept.trim(WINDOW);
        }
    }

    fn files_mut(&mut self, id: u64, dir: Dir) -> &mut [File] {
        let tx = self.tx.as_mut().filter(|tx| id == 0 && tx.carries(dir));
        tx.map_or(&mut [], |tx| &mut tx.files)
    }

    fn release(&mut self, id: u64) {
        if id == 0 {
            self.tx = None;
        }
    }
}
