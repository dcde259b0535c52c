//! A live run as a whole: interfaces, engines, outputs, control socket, signals.
//!
//! In: a [`Plan`].  Out: records in the log folder, answers at the socket, and a [`Summary`].
//! The main thread does what has no hurry: signals, the `stats` record, sweeping blocks that have run out. Packets
//! are the workers' ([`crate::live`]), files and the store the writer's ([`crate::output`]), questions the socket's
//! ([`crate::control`]).

pub mod blocks;
pub mod commands;
mod floods;
mod meter;
pub mod reload;
mod status;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ids_core::app::App;
use ids_core::counters::{Counter, Counters};
use ids_core::detect::compile::Loader;
use ids_core::detect::shared::Shared;
use ids_core::engine::{Engine, Release};
use ids_core::event::Event;
use ids_core::time::Time;

use crate::block_lists::BlockLists;
use crate::config::{self, Config};
use crate::control::client::{Client, ControlError};
use crate::control::{self, server};
use crate::interest::{Others, Wanted};
use crate::kernel::clock::wall;
use crate::live::rules::{Follower, Force};
use crate::live::{self, Board, Events, Guard, Live, Topology};
use crate::output::file_store::Tally;
use crate::output::renderer::Renderer;
use crate::output::sink::{RulesLoaded, Scene, Stats};
use crate::output::writer::Pressure;
use crate::output::{OutputError, Outputs};
use crate::rights;
use crate::rule_files;
use crate::ruleset::Loaded;
use commands::Running;
use meter::Meter;
use reload::{Read, Reloader, Stage};

/// How often signals and timers are looked at.
const ROUND: Duration = Duration::from_millis(100);

/// How often blocks that have run out are taken away.
const SWEEP: Duration = Duration::from_secs(10);

/// How often it is looked whether somebody is over a limit.
const LOOK: Duration = Duration::from_secs(1);

/// How often it is read again who must not be blocked.
const RENEW: Duration = Duration::from_secs(60);

/// What to run, and how.
pub struct Plan<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The rules.
    pub rules: Loaded,
    /// What loaded them.
    pub loader: Loader,
    /// Reads them again.
    pub reload: Read,
    /// Interfaces, workers and the kernel stage.
    pub live: live::Settings,
    /// Where records go.
    pub log_dir: PathBuf,
    /// Accept everything, but tell what would have been dropped or blocked.
    pub dry_run: bool,
}

/// Why a sensor cannot run, or did not end well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An output cannot be opened.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// Interfaces or the kernel stage.
    #[error(transparent)]
    Live(#[from] live::Error),
    /// The control socket.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// Rights cannot be given up.
    #[error("rights cannot be given up: {0}")]
    Rights(std::io::Error),
    /// A thread cannot be started.
    #[error("starting a thread: {0}")]
    Thread(std::io::Error),
    /// Signals cannot be received.
    #[error("signals cannot be received: {0}")]
    Signals(std::io::Error),
}

/// What a run came to.
#[derive(Debug)]
pub struct Summary {
    ports: Vec<live::Status>,
    alerts: u64,
    elapsed: Duration,
    places: Vec<PathBuf>,
    lost: u64,
    /// Pairs that go on forwarding without anybody who inspects.
    pub staying: Vec<String>,
    /// What could not be written.
    pub write_errors: Vec<String>,
}

/// Runs until a signal or a command ends it; `ready` is called when packets flow.
///
/// # Errors
/// Something cannot be had, or a worker failed. Interfaces are given back in any case.
pub fn run(plan: Plan<'_>, ready: impl FnOnce()) -> Result<Summary, Error> {
    let Plan { config, rules: loaded, loader, reload, live: mut settings, log_dir, dry_run } = plan;
    let socket = control::path(&settings.run_dir, &settings.name);
    // Before anything is touched: the ports may be those of the other sensor.
    if Client::connect(&socket).is_ok() {
        return Err(ControlError::InUse { path: socket }.into());
    }
    let signals = Signals::register()?;
    let start = Instant::now();
    let (engine, late) = (engine(config, &settings.topology), settings.topology.is_late());
    let inline = engine.inline;
    let others = Others::of(config, &engine);
    settings.interest = Some(Wanted::of(&loaded.rules, &others).interest);
    let limits = settings.flood;
    let prepared = Live::prepare(&settings)?;
    // Before any thread starts: each has the rights of the one that starts it.
    rights::lower(&log_dir).map_err(Error::Rights)?;
    let outputs = Outputs::open(config, &log_dir, Pressure::Drop)?;
    let scene = Arc::new(Scene {
        interfaces: settings.topology.interfaces().into_iter().map(Arc::from).collect(),
        capture: None,
        sensor: config.sensor_name.clone(),
        inline,
        late,
    });
    let rules_loaded =
        RulesLoaded { when: wall(), loaded: loaded.rules.len() as u64, failed: loaded.failed, skipped: loaded.skipped };
    let mut workers = Workers::new(engine, loaded, &settings.topology, dry_run);
    let live = prepared.start(|_| workers.make(outputs.renderer(&scene)))?;
    let stage = Stage { tables: live.shared_tables(), others };
    let listed = if live.blocks() { config.block_lists.as_slice() } else { &[] };
    if listed.len() < config.block_lists.len() {
        tracing::warn!("`block-lists` has no effect: there is no kernel stage that could block");
    }
    let lists = BlockLists::start(listed, live.shared_tables(), live.shared_shield());
    let running = Arc::new(Running {
        live,
        lists: lists.map_err(Error::Thread)?,
        start,
        stop: Arc::clone(&signals.stop),
        reloader: Arc::new(Reloader::new(Arc::clone(&workers.force), stage, reload, loader, rules_loaded)),
        queue: outputs.queue(),
        store: outputs.store(),
        places: outputs.places().to_vec(),
        meter: workers.meter(config),
        reasons: Mutex::default(),
    });
    let server = server::start(&socket, Arc::clone(&running) as _)?;
    ready();

    let flood = floods::Watch::new(limits);
    let (renderer, files) = (outputs.renderer(&scene), outputs.files());
    let mut ticker = Ticker { config, renderer, files, rules: rules_loaded, inline, start, flood };
    supervise(&running, &workers, &mut ticker, &signals);

    server.stop();
    let running = Arc::into_inner(running).expect("the control thread, the only other holder, has ended");
    // Queue and reader go before the outputs are finished: the writer runs for as long as somebody can reach it.
    let Running { live, lists, queue, store, places, meter, .. } = running;
    drop((store, lists));
    let staying = live.staying().map(str::to_owned).collect();
    let ended = live.stop();
    let ports = ended.as_deref().unwrap_or_default();
    ticker.tell(&workers, ports);
    let lost = queue.lost().iter().sum();
    drop((ticker, queue));
    let mut report = outputs.finish();
    report.errors.extend(rule_files::save(config, &workers.force.current()));
    report.errors.extend(meter.write(&log_dir));
    let alerts = workers.counters().get(Counter::DetectAlert);
    Ok(Summary { ports: ended?, alerts, elapsed: start.elapsed(), places, lost, staying, write_errors: report.errors })
}

/// The engine's settings for what it is to do with these interfaces.
fn engine(config: &Config, topology: &Topology) -> ids_core::engine::Config {
    let (late, release) = (topology.is_late(), config::core::release(config));
    let mut settings = config::core::engine(config, late || topology.holds());
    (settings.late, settings.release) = (late, release);
    // What is no valid part of a connection has passed all the same. All the rest is looked at as it comes, as inline.
    settings.stream.drop_invalid &= !late;
    // Nobody counts there what a flow carries that is not looked at: it goes on being handed up, unless it is marked.
    if matches!(topology, Topology::Queues(_)) {
        settings.release = if config.queues.bypass.is_some() { Release::Bypassed } else { Release::Nothing };
    }
    settings
}

/// Until the end: rotation, counters, blocks that have run out. A dead worker is an end, too.
fn supervise(running: &Running, workers: &Workers, ticker: &mut Ticker<'_>, signals: &Signals) {
    let (mut swept, mut renewed, mut told, mut looked) =
        (Instant::now(), Instant::now(), Instant::now(), Instant::now());
    let mut reported = false;
    while !signals.stop.load(Ordering::Relaxed) && running.live.is_whole() {
        std::thread::sleep(ROUND);
        if signals.rotate.swap(false, Ordering::Relaxed) {
            running.queue.rotate();
        }
        if signals.reload.swap(false, Ordering::Relaxed)
            && let Err(error) = running.reloader.reload_aside()
        {
            tracing::warn!("reload: {error}");
        }
        if swept.elapsed() >= SWEEP {
            swept = Instant::now();
            if let Err(error) = running.sweep() {
                tracing::warn!(%error, "blocks that have run out stay in their maps");
            }
        }
        if ticker.flood.is_some() && looked.elapsed() >= LOOK {
            looked = Instant::now();
            ticker.tell_floods(running);
        }
        if renewed.elapsed() >= RENEW {
            renewed = Instant::now();
            running.renew_shield();
        }
        if told.elapsed() >= ticker.config.stats.interval {
            told = Instant::now();
            match running.live.status() {
                Ok(ports) => {
                    ticker.rules = running.reloader.rules();
                    ticker.tell(workers, &ports);
                }
                Err(error) if !reported => {
                    reported = true;
                    tracing::warn!(%error, "no counters of the kernel stage");
                }
                Err(_) => {}
            }
        }
    }
}

/// What signals ask for: SIGTERM and SIGINT end the run, SIGHUP begins new files, SIGUSR2 loads rules again.
struct Signals {
    stop: Arc<AtomicBool>,
    rotate: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    fn register() -> Result<Self, Error> {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR2};
        let signals = Self { stop: Arc::default(), rotate: Arc::default(), reload: Arc::default() };
        let Self { stop, rotate, reload } = &signals;
        for (signal, flag) in [(SIGTERM, stop), (SIGINT, stop), (SIGHUP, rotate), (SIGUSR2, reload)] {
            signal_hook::flag::register(signal, Arc::clone(flag)).map_err(Error::Signals)?;
        }
        Ok(signals)
    }
}

/// Makes the engines, and sees what they count.
struct Workers {
    settings: Arc<ids_core::engine::Config>,
    app: Arc<App>,
    shared: Shared,
    force: Arc<Force>,
    dry_run: bool,
    counters: Vec<Arc<Mutex<Counters>>>,
    boards: Vec<Board>,
}

impl Workers {
    fn new(mut settings: ids_core::engine::Config, rules: Loaded, topology: &Topology, dry_run: bool) -> Self {
        // Both ports of a pair carry the same flows.
        let groups = topology.interfaces().len() / topology.group_size();
        let groups = 0..u16::try_from(groups).unwrap_or(u16::MAX);
        settings.flow.devices = groups.flat_map(|group| std::iter::repeat_n(group, topology.group_size())).collect();
        Self {
            app: Arc::new(App::new(settings.app.clone())),
            settings: Arc::new(settings),
            shared: Shared::default(),
            force: Force::new(rules.rules),
            dry_run,
            counters: Vec::new(),
            boards: Vec::new(),
        }
    }

    /// The next worker's engine, and where its events go.
    fn make(&mut self, renderer: Renderer) -> (Guard, Teller) {
        let (counters, costs): (Arc<Mutex<Counters>>, Board) = Default::default();
        self.counters.push(Arc::clone(&counters));
        self.boards.push(Arc::clone(&costs));
        let engine = Engine::new(Arc::clone(&self.settings), Arc::clone(&self.app), self.shared.clone());
        let (rules, dry_run) = (Follower::new(&self.force), self.dry_run);
        (Guard { engine, rules, counters, costs, shown: Time::ZERO, dry_run }, Teller(renderer))
    }

    /// What switches measuring on and off in all of them.
    fn meter(&self, config: &Config) -> Meter {
        let (gauge, force) = (self.settings.costs.clone(), Arc::clone(&self.force));
        Meter::new(gauge, self.boards.clone(), force, config.profiling.clone())
    }

    /// What all engines have counted.
    fn counters(&self) -> Counters {
        let mut sum = Counters::default();
        for counters in &self.counters {
            sum.merge(&counters.lock().unwrap_or_else(PoisonError::into_inner));
        }
        sum
    }
}

/// Brings a worker's events to the outputs.
struct Teller(Renderer);

impl Events for Teller {
    fn event(&mut self, event: Event<'_>) {
        self.0.event(&event);
    }

    fn pass_on(&mut self) {
        self.0.hand_over();
    }
}

/// Tells the counters.
struct Ticker<'a> {
    config: &'a Config,
    renderer: Renderer,
    files: Option<Arc<Tally>>,
    rules: RulesLoaded,
    inline: bool,
    start: Instant,
    /// Looks for those who are over a limit, if there is any.
    flood: Option<floods::Watch>,
}

impl Ticker<'_> {
    fn tell_floods(&mut self, running: &Running) {
        if let Some(watch) = &mut self.flood {
            watch.look(&running.live, &mut self.renderer);
        }
    }

    fn tell(&mut self, workers: &Workers, ports: &[live::Status]) {
        if !self.config.stats.enabled {
            return;
        }
        let (counters, more) = (workers.counters(), status::flat(ports));
        let files = self.files.iter().flat_map(|tally| tally.counters());
        let more: Vec<(&str, u64)> = more.iter().map(|(name, value)| (name.as_str(), *value)).chain(files).collect();
        let threads: Vec<(String, Counters)> = workers
            .counters
            .iter()
            .enumerate()
            .map(|(number, counters)| {
                let own = counters.lock().unwrap_or_else(PoisonError::into_inner).clone();
                (format!("W#{:02}", number + 1), own)
            })
            .collect();
        let threads: Vec<(&str, &Counters)> = threads.iter().map(|(name, own)| (name.as_str(), own)).collect();
        self.renderer.stats(&Stats {
            time: wall(),
            uptime: self.start.elapsed().as_secs(),
            counters: &counters,
            threads: &threads,
            rules: self.rules,
            more: &more,
            inline: self.inline,
        });
        self.renderer.hand_over();
    }
}

impl Summary {
    /// For people.
    pub fn text(&self) -> String {
        let (received, missed) = status::totals(&self.ports);
        let (workers, kernel) = status::dropped(&self.ports);
        let mut text = format!(
            "{received} packets in {} s, {} alerts; dropped: {workers} by rules, {kernel} by blocks in the kernel\n",
            self.elapsed.as_secs(),
            self.alerts,
        );
        let late = status::late(&self.ports);
        let more = [
            (late, "packets had passed before a rule dropped their flow"),
            (missed, "packets were lost before inspection"),
            (self.lost, "records were lost"),
        ];
        for (count, what) in more {
            if count > 0 {
                // Writing to a string cannot fail.
                let _ = writeln!(text, "{count} {what}");
            }
        }
        for place in &self.places {
            let _ = writeln!(text, "records: {}", place.display());
        }
        text
    }
}
