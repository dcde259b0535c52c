//! Proof that the kernel stage loses nothing: the same captures with it in front and without, the same records.
//!
//! In: a [`Plan`].  Out: a [`Proof`]: what stayed in the kernel, what kept the rest from it, and every difference.
//! With the stage, each packet runs through the loaded XDP program with what rules and records want in its maps, and
//! reaches the engine only if the program hands it up; the engine's releases go into the maps. Without it, the engine
//! releases nothing and sees every packet. Time passes by every packet on both sides, whether the engine sees it or not.
//! Counters (`stats`) count what was inspected, and are not compared.

mod report;
pub mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ids_core::app::App;
use ids_core::detect::shared::Shared;
use ids_core::engine::{self, Command, Engine, Side, Sink};
use ids_core::event::Event;
use ids_core::flow::{Carried, Key};
use ids_core::time::Time;
use ids_core::verdict::Verdict;
use ids_ebpf::config::PortConfig;
use ids_ebpf::interest::Interest;

use crate::capture::pcap::{OpenError, Pcap};
use crate::capture::source::{Batch, Source};
use crate::config::{self, Config};
use crate::interest::{Others, Wanted};
use crate::kernel;
use crate::output;
use crate::output::renderer::Renderer;
use crate::output::sink::Scene;
use crate::ruleset::Loaded;
pub use report::{Difference, Proof};
use stage::{Mistake, Stage};

/// What the side with the stage goes by.
#[derive(Debug)]
pub struct Basis<'a> {
    /// Its engine's settings.
    pub engine: &'a mut engine::Config,
    /// What it wants to see of all packets.
    pub interest: &'a mut Interest,
    /// What is done to the terms of its releases.
    pub mistake: &'a mut Mistake,
}

/// Makes a mistake in what the side with the stage goes by.
pub type Falsify = fn(Basis<'_>);

/// What to prove.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The configuration; of its outputs only the EVE records count.
    pub config: &'a Config,
    /// Capture files, in order.
    pub captures: Vec<PathBuf>,
    /// Whether a file that cannot be read is only warned of, as in a folder.
    pub lenient: bool,
    /// The rules, loaded twice: what rules remember must not go from one side to the other.
    pub rules: [&'a Loaded; 2],
    /// Whether to act as if inline. Blocks are not fed back: a packet that dies in the kernel has no `drop` record.
    pub inline: bool,
    /// A mistake that the proof has to find. For the test of the proof itself.
    pub falsify: Option<Falsify>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A capture cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The kernel stage cannot be had.
    #[error(transparent)]
    Kernel(#[from] kernel::Error),
    /// The program cannot be run on a packet.
    #[error("running the XDP program on a packet: {0}")]
    Run(String),
    /// There is nothing to compare.
    #[error("the configuration lists no EVE records: nothing could differ")]
    NoRecords,
}

/// One side's engine, and what it goes by.
struct Half<'a> {
    config: &'a Config,
    rules: &'a Loaded,
    settings: Arc<engine::Config>,
    app: Arc<App>,
}

/// Proves it, or finds what differs.
///
/// # Errors
/// The only capture cannot be opened; the kernel stage cannot be had.
pub fn run(plan: &Plan<'_>) -> Result<Proof, Error> {
    let mut config = plan.config.clone();
    let eve = std::mem::take(&mut config.outputs.eve);
    config.outputs = config::outputs::Outputs { eve, ..Default::default() };
    if config.outputs.eve.is_empty() {
        return Err(Error::NoRecords);
    }
    let usual = config::core::engine(&config, plan.inline);
    let mut with = engine::Config { release: config::core::release(&config), ..usual.clone() };
    let [rules, rules_again] = plan.rules;
    let mut wanted = Wanted::of(&rules_again.rules, &Others::of(&config, &usual));
    let mut mistake: Mistake = |_| {};
    if let Some(falsify) = plan.falsify {
        falsify(Basis { engine: &mut with, interest: &mut wanted.interest, mistake: &mut mistake });
    }
    let mut stage = Stage::new(&wanted.interest, config.traffic.vlan_tracking, mistake)?;
    let half = |rules, settings: engine::Config| Half {
        config: &config,
        rules,
        app: Arc::new(App::new(settings.app.clone())),
        settings: Arc::new(settings),
    };
    let (without, with) = (half(rules, usual), half(rules_again, with));
    let mut proof = Proof { wanted: wanted.reports(), ..Proof::default() };
    for path in &plan.captures {
        let open = || Pcap::open(path, None);
        match open().and_then(|first| Ok((first, open()?))) {
            Ok((first, second)) => {
                let wanted = without.records(path, first, &mut None)?;
                let found = with.records(path, second, &mut Some(&mut stage))?;
                proof.compare(path, wanted, found);
                stage.forget_flows()?;
            }
            Err(error) if plan.lenient => proof.warnings.push(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    proof.take(&stage);
    Ok(proof)
}

impl Half<'_> {
    /// The records of a capture, in no order: flows that end together may do so in another one.
    fn records(&self, path: &Path, mut capture: Pcap, stage: &mut Option<&mut Stage>) -> Result<Vec<Vec<u8>>, Error> {
        let scene = Arc::new(Scene {
            interfaces: Vec::new(),
            capture: Some(path.display().to_string()),
            sensor: self.config.sensor_name.clone(),
            inline: self.settings.inline,
            late: false,
        });
        let mut engine = Engine::new(Arc::clone(&self.settings), Arc::clone(&self.app), Shared::default());
        let rules = &self.rules.rules;
        let mut sink =
            ProofSink { renderer: output::records(self.config, &scene), stage: stage.as_deref_mut(), failed: None };
        let (mut records, mut clock, mut batch, mut more) = (Vec::new(), Time::ZERO, Batch::default(), true);
        while more {
            batch.clear();
            more = capture.fill(&mut batch);
            batch.each(|packet| {
                clock = clock.max(packet.time);
                engine.tick(rules, clock, &mut sink);
                let kept = sink.stage.as_mut().map(|stage| stage.keeps(&packet, clock));
                match kept.unwrap_or(Ok(false)) {
                    Ok(true) => {}
                    Ok(false) => engine.push(rules, packet, &mut sink),
                    Err(error) => sink.failed = Some(error),
                }
            });
            records.extend(sink.renderer.take().iter().map(|(_, line)| line.to_vec()));
        }
        engine.finish(rules, &mut sink);
        records.extend(sink.renderer.take().iter().map(|(_, line)| line.to_vec()));
        match sink.failed {
            Some(error) => Err(error),
            None => Ok(records),
        }
    }
}

/// Where an engine's words go: events to be compared, releases to the stage, if there is one.
struct ProofSink<'s> {
    renderer: Renderer,
    stage: Option<&'s mut Stage>,
    /// The latest thing that went wrong.
    failed: Option<Error>,
}

impl Sink for ProofSink<'_> {
    fn verdict(&mut self, _: u64, _: Verdict) {}

    fn inject(&mut self, _: u16, _: Side, _: &[u8]) {}

    fn kernel(&mut self, command: Command) {
        if let (Command::Release { key, idle, watch, pace, again: false }, Some(stage)) = (command, &mut self.stage)
            && let Err(error) = stage.release(&key, idle, &watch, pace)
        {
            self.failed = Some(error);
        }
    }

    fn recall(&mut self, key: &Key) -> Option<Carried> {
        let recalled = self.stage.as_mut()?.recall(key);
        recalled.unwrap_or_else(|error| {
            self.failed = Some(error);
            None
        })
    }

    fn is_reopened(&mut self, key: &Key) -> bool {
        let Some(stage) = &self.stage else { return false };
        stage.is_reopened(key).unwrap_or_else(|error| {
            self.failed = Some(error);
            false
        })
    }

    fn event(&mut self, event: Event<'_>) {
        self.renderer.event(&event);
    }
}

/// How the program is told to behave: as on a mirror port, with a worker that always answers.
const fn port_config(track_vlan: bool) -> PortConfig {
    use ids_ebpf::config::{FailPolicy, Mode};
    let config = PortConfig::new(Mode::Mirror, FailPolicy::Open, u64::MAX);
    let flags = if track_vlan { config.flags } else { config.flags | PortConfig::IGNORE_VLAN };
    PortConfig { flags, ..config }
}
