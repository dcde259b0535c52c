//! `file-store`: files from the traffic → files on disk, named by their SHA-256.
//!
//! In: content of files, and their ends.  Out: [`Record`]s for the writer, which has a [`Folder`].
//! Source: the file extraction chapter of the Suricata 8 user guide.

mod folder;
mod record;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use ids_core::app::file::Fate;
use ids_core::event::{Event, FileRef};

pub use folder::{Folder, Tally};
use record::Record;

use super::eve::Eve;
use super::lines::{Kind, Lines};
use super::sink::{Output, Scene};
use crate::config;

/// Renders files that are stored.
#[derive(Debug)]
pub struct FileStore {
    /// Renders what stands beside each file.
    info: Option<Eve>,
}

impl FileStore {
    /// In: what stands beside files, which counters there are, and what holds for the whole run.
    pub fn new(settings: &config::file_store::FileStore, counters: config::outputs::Stats, scene: &Arc<Scene>) -> Self {
        let eve = |files: &config::eve::Files| {
            let types = config::eve::Types { files: Some(files.clone()), ..config::eve::Types::default() };
            let settings = config::eve::Eve { types, ..config::eve::Eve::default() };
            Eve::new(settings, counters, Arc::clone(scene))
        };
        Self { info: settings.fileinfo.as_ref().map(eve) }
    }

    fn end(&mut self, event: &Event<'_>, told: &FileRef<'_>, lines: &mut Lines) {
        let (Fate::Store(number), Some(sha256)) = (told.file.fate(), told.file.stored_sha256) else { return };
        let mut info = Lines::default();
        if let Some(eve) = &mut self.info {
            eve.event(event, &mut info);
        }
        let info = info.iter().next().map_or(&[][..], |(_, line)| line);
        let seconds = told.context.time.seconds();
        lines.add(Kind::FileContent, |out| Record::End { number, sha256, seconds, info }.write(out));
    }
}

impl Output for FileStore {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        match event {
            Event::FileContent(content) => {
                let record = Record::Content { number: content.number, bytes: content.bytes };
                lines.add(Kind::FileContent, |out| record.write(out));
            }
            Event::File(told) => self.end(event, told, lines),
            _ => {}
        }
    }
}
