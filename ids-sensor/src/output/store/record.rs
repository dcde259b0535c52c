//! What goes into the store: EVE alerts with everything that is shown by default.

use std::sync::Arc;

use ids_core::event::Event;

use crate::config::eve as config;
use crate::output::eve::{alert, common::Head};
use crate::output::lines::{AlertKey, Lines};
use crate::output::sink::{Output, Scene};
use crate::output::timestamp::Stamps;

/// Renders alerts for the store.
#[derive(Debug)]
pub struct StoreOutput {
    settings: config::Eve,
    options: config::Alert,
    scene: Arc<Scene>,
    stamps: Stamps,
    scratch: Vec<u8>,
}

impl StoreOutput {
    /// In: what holds for the whole run.
    pub fn new(scene: Arc<Scene>) -> Self {
        let options = config::Alert { rule_reference: true, verdict: true, ..config::Alert::default() };
        let settings = config::Eve { pcap_file: true, ..config::Eve::default() };
        Self { settings, options, scene, stamps: Stamps::default(), scratch: Vec::new() }
    }
}

impl Output for StoreOutput {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        let Event::Alert(fired) = event else { return };
        let at = &fired.context;
        let key = AlertKey { time: at.time, sid: fired.rule.sid, addrs: [at.src, at.dst] };
        let mut head = Head { settings: &self.settings, scene: &self.scene, stamps: &mut self.stamps };
        lines.add_alert(key, |out| alert::write(fired, &self.options, &mut head, &mut self.scratch, out));
    }
}
