//! Outputs: events → records in files, sockets and the alert store.
//!
//! In: [`Event`](ids_core::event::Event)s of the workers.  Out: lines in files, alerts in the store.
//! Each worker has a [`Renderer`] that turns events into [`lines`] at once, since
//! events are gone when the engine's call returns; one writer thread takes the lines in order and writes
//! them. Between them is a bounded queue: live, a full queue costs records, by kind and counted, never
//! packets; in replay the worker waits, so that results do not depend on the disk.

pub mod eve;
pub mod fast;
pub mod file;
pub mod file_store;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod lines;
pub mod names;
pub mod pcap_log;
pub mod renderer;
pub mod sink;
pub mod stats;
pub mod store;
pub mod timestamp;
pub mod tls_store;
pub mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::Config;
use renderer::Renderer;
use sink::{Output, Scene};
use store::AlertStore;
use writer::{Destination, Pressure, Report, Writer};

/// Why outputs cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// A file or folder cannot be made.
    #[error("cannot write {}: {source}", path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

/// What of the configuration goes to which place.
#[derive(Debug)]
enum Plan {
    Eve(Box<crate::config::eve::Eve>),
    Fast,
    Stats(crate::config::outputs::StatsRecord),
    PcapLog(Box<crate::config::pcap_log::PcapLog>),
    FileStore(Box<crate::config::file_store::FileStore>),
    TlsStore,
    Store,
}

/// All outputs of a run.
#[derive(Debug)]
pub struct Outputs {
    plans: Vec<Plan>,
    places: Vec<PathBuf>,
    writer: Writer,
    stats: crate::config::outputs::Stats,
    store: Option<store::Reader>,
    files: Option<Arc<file_store::Tally>>,
}

impl Outputs {
    /// Opens everything that the configuration lists, in `folder`, and starts the writer.
    ///
    /// # Errors
    /// A file or the store cannot be opened.
    pub fn open(config: &Config, folder: &Path, pressure: Pressure) -> Result<Self, OutputError> {
        let open = |path: &Path, source| OutputError::Open { path: path.to_owned(), source };
        std::fs::create_dir_all(folder).map_err(|source| open(folder, source))?;
        let (mut plans, mut destinations, mut places) = (Vec::new(), Vec::new(), Vec::new());
        let mut add = |plan, destination, place| {
            plans.push(plan);
            destinations.push(destination);
            places.push(place);
        };
        let file = |settings: &crate::config::outputs::LogFile| {
            let file =
                file::File::open(settings, folder).map_err(|source| open(&folder.join(&settings.name), source))?;
            let place = file.path().to_owned();
            Ok::<_, OutputError>((Destination::File(Box::new(file)), place))
        };
        for eve in &config.outputs.eve {
            let (destination, place) = file(&eve.file)?;
            add(Plan::Eve(Box::new(eve.clone())), destination, place);
        }
        for fast in &config.outputs.fast {
            let (destination, place) = file(fast)?;
            add(Plan::Fast, destination, place);
        }
        for stats in &config.outputs.stats {
            let (destination, place) = file(&stats.file)?;
            add(Plan::Stats(stats.show), destination, place);
        }
        for settings in &config.outputs.pcap_log {
            let files = pcap_log::file::CaptureFile::new(settings, folder)
                .map_err(|source| open(&folder.join(&settings.name), source))?;
            let place = files.path().to_owned();
            add(Plan::PcapLog(Box::new(settings.clone())), Destination::Capture(Box::new(files)), place);
        }
        let mut files = None;
        if let Some(settings) = &config.outputs.file_store {
            let store = file_store::Folder::open(settings, folder, config.engine.app.files.care.room.clone())
                .map_err(|source| open(&folder.join(&settings.folder), source))?;
            files = Some(store.tally());
            let place = store.path().to_owned();
            add(Plan::FileStore(Box::new(settings.clone())), Destination::Files(Box::new(store)), place);
        }
        if let Some(settings) = &config.outputs.tls_store {
            let store = tls_store::Folder::open(settings, folder)
                .map_err(|source| open(&folder.join(&settings.folder), source))?;
            let place = store.path().to_owned();
            add(Plan::TlsStore, Destination::Certificates(Box::new(store)), place);
        }
        let mut reader = None;
        if let Some(settings) = &config.outputs.store {
            let place = folder.join(&settings.folder);
            let mut kept = store::Settings::from(settings);
            if pressure == Pressure::Wait {
                // A replay can be done again; nothing has to be saved from a full disk.
                kept.reserve = 0;
            }
            let store = store::SledStore::open(&place, &kept)?;
            let feeder = store::Feeder::start(Box::new(store), settings, pressure);
            reader = Some(feeder.reader());
            add(Plan::Store, Destination::Store(feeder), place);
        }
        let writer = Writer::start(destinations, pressure);
        Ok(Self { plans, places, writer, stats: config.stats.clone(), store: reader, files })
    }

    /// What one worker renders with.
    pub fn renderer(&self, scene: &Arc<Scene>) -> Renderer {
        Renderer::new(self.formats(scene), Some(self.writer.queue()))
    }

    /// What one worker renders with whose lines are fetched, to be put in order with those of others.
    pub fn part_renderer(&self, scene: &Arc<Scene>) -> Renderer {
        Renderer::new(self.formats(scene), None)
    }

    fn formats(&self, scene: &Arc<Scene>) -> Vec<Box<dyn Output>> {
        let outputs = self.plans.iter().map(|plan| -> Box<dyn Output> {
            match plan {
                Plan::Eve(eve) => Box::new(eve::Eve::new(eve.as_ref().clone(), self.stats.clone(), Arc::clone(scene))),
                Plan::Fast => Box::new(fast::Fast::default()),
                Plan::Stats(show) => Box::new(stats::StatsLog::new(*show, self.stats.clone())),
                Plan::PcapLog(settings) => Box::new(pcap_log::PcapLog::new(settings.as_ref().clone())),
                Plan::FileStore(settings) => Box::new(file_store::FileStore::new(settings, self.stats.clone(), scene)),
                Plan::TlsStore => Box::new(tls_store::TlsStore::default()),
                Plan::Store => Box::new(store::record::StoreOutput::new(Arc::clone(scene))),
            }
        });
        outputs.collect()
    }

    /// Where records go: files and the store's folder, in the order of the configuration.
    pub fn places(&self) -> &[PathBuf] {
        &self.places
    }

    /// The queue to the writer, for rotation and the like.
    pub fn queue(&self) -> writer::Queue {
        self.writer.queue()
    }

    /// What storing files has come to, if they are stored.
    pub fn files(&self) -> Option<Arc<file_store::Tally>> {
        self.files.clone()
    }

    /// A way to ask the alert store, if there is one.
    pub fn store(&self) -> Option<store::Reader> {
        self.store.clone()
    }

    /// Writes everything that is still on its way and closes all places. Renderers, queues and readers of the store
    /// must be gone.
    pub fn finish(self) -> Report {
        drop(self.store);
        self.writer.finish()
    }
}

/// Renders the EVE records that a configuration lists, to be fetched: nothing is opened and nothing written.
pub fn records(config: &Config, scene: &Arc<Scene>) -> Renderer {
    let eve = |eve: &crate::config::eve::Eve| -> Box<dyn Output> {
        Box::new(eve::Eve::new(eve.clone(), config.stats.clone(), Arc::clone(scene)))
    };
    Renderer::new(config.outputs.eve.iter().map(eve).collect(), None)
}

/// Whether a store can be read by this process, for the commands that look at it.
///
/// # Errors
/// It cannot be opened.
pub fn open_store(folder: &Path) -> Result<Box<dyn AlertStore>, OutputError> {
    Ok(Box::new(store::SledStore::open(folder, &store::Settings::reading())?))
}

#[cfg(test)]
mod tests;
