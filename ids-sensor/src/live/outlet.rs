//! What the engine says about a packet, kept until the packet's memory is free to be used again.

use ids_core::engine::{Command, Side, Sink};
use ids_core::event::Event;
use ids_core::flow::{Carried, Key};
use ids_core::verdict::Verdict;

use super::Events;
use super::releases::Releases;

/// The live sink: verdicts, frames and commands are carried out by the worker after each push; events go on at once.
pub(super) struct Outlet<E> {
    /// Verdicts by packet number.
    pub(super) verdicts: Vec<(u64, Verdict)>,
    /// Commands for the kernel stage.
    pub(super) commands: Vec<Command>,
    /// Where each injected frame goes, and where it ends in `bytes`.
    frames: Vec<(u16, usize)>,
    bytes: Vec<u8>,
    events: E,
    /// Flows that the kernel stage carries; `None` where there is none.
    pub(super) releases: Option<Releases>,
}

impl<E> Outlet<E> {
    pub(super) const fn new(events: E, releases: Option<Releases>) -> Self {
        Self { verdicts: Vec::new(), commands: Vec::new(), frames: Vec::new(), bytes: Vec::new(), events, releases }
    }

    /// The frames to send, with their ports.
    pub(super) fn frames(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let starts = std::iter::once(0).chain(self.frames.iter().map(|(_, end)| *end));
        self.frames.iter().zip(starts).map(|((port, end), start)| (*port, &self.bytes[start..*end]))
    }

    /// Whether there is any frame to send.
    pub(super) const fn has_frames(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Forgets the frames.
    pub(super) fn clear_frames(&mut self) {
        self.frames.clear();
        self.bytes.clear();
    }
}

impl<E: Events> Outlet<E> {
    /// Lets events go that were kept back.
    pub(super) fn pass_on(&mut self) {
        self.events.pass_on();
    }
}

impl<E: Events> Sink for Outlet<E> {
    fn verdict(&mut self, id: u64, verdict: Verdict) {
        self.verdicts.push((id, verdict));
    }

    fn inject(&mut self, port: u16, side: Side, frame: &[u8]) {
        // The ports of a pair have neighbouring numbers, the first one even.
        let port = match side {
            Side::Sender => port,
            Side::Receiver => port ^ 1,
        };
        self.bytes.extend_from_slice(frame);
        self.frames.push((port, self.bytes.len()));
    }

    fn kernel(&mut self, command: Command) {
        match (command, &mut self.releases) {
            (Command::Release { key, idle, watch, pace, again }, Some(releases)) => {
                releases.ask(&key, idle, (&watch, pace), again);
            }
            _ => self.commands.push(command),
        }
    }

    fn recall(&mut self, key: &Key) -> Option<Carried> {
        self.releases.as_mut()?.recall(key)
    }

    fn is_reopened(&mut self, key: &Key) -> bool {
        self.releases.as_ref().is_some_and(|releases| releases.is_reopened(key))
    }

    fn event(&mut self, event: Event<'_>) {
        self.events.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in() {
        let mut outlet = Outlet::new(|_: Event<'_>| {}, None);
        assert!(!outlet.has_frames());
        outlet.inject(1, Side::Sender, b"one");
        outlet.inject(1, Side::Receiver, b"");
        outlet.inject(3, Side::Receiver, b"three");
        let frames: Vec<_> = outlet.frames().collect();
        assert_eq!(frames, [(1, &b"one"[..]), (0, b""), (2, b"three")]);
        outlet.clear_frames();
        assert_eq!(outlet.frames().count(), 0);
    }
}
