//! Whose turn it is at state that all workers share: the one that is furthest behind.
//!
//! Every worker publishes its place: the step it is at, and where flows of all workers end together, the flow. Steps
//! are numbered by the reader over the whole capture, so places are the same for any number of workers.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ids_core::detect::shared::Turn;

/// Looks at another worker's place before the processor is given away.
const SPINS: u32 = 100;

/// Where one worker is, most significant part first. Lower parts are reset before a higher one changes, so that who
/// reads from the top sees a place the worker has reached at least.
#[derive(Debug, Default)]
struct Place {
    step: AtomicU64,
    first_packet: AtomicU64,
    flow: AtomicU64,
}

impl Place {
    fn set(&self, step: u64) {
        self.flow.store(0, Ordering::Release);
        self.first_packet.store(0, Ordering::Release);
        self.step.store(step, Ordering::Release);
    }

    fn set_flow(&self, first_packet: u64, flow: u64) {
        self.flow.store(0, Ordering::Release);
        self.first_packet.store(first_packet, Ordering::Release);
        self.flow.store(flow, Ordering::Release);
    }

    fn get(&self) -> (u64, u64, u64) {
        let step = self.step.load(Ordering::Acquire);
        let first_packet = self.first_packet.load(Ordering::Acquire);
        (step, first_packet, self.flow.load(Ordering::Acquire))
    }
}

/// Where all workers are.
#[derive(Clone, Debug)]
pub(super) struct Places(Arc<[Place]>);

impl Places {
    pub(super) fn new(workers: usize) -> Self {
        Self((0..workers).map(|_| Place::default()).collect())
    }
}

/// One worker's place among all.
#[derive(Debug)]
pub(super) struct Seat {
    places: Places,
    own: usize,
}

impl Seat {
    pub(super) fn new(places: &Places, own: usize) -> Self {
        Self { places: places.clone(), own }
    }

    /// The worker is done with everything before this step.
    pub(super) fn reach(&self, step: u64) {
        self.own().set(step);
    }

    /// The worker does nothing any more, whatever the reason.
    pub(super) fn leave(&self) {
        self.own().set(u64::MAX);
    }

    /// Returns once a worker is done with a step.
    pub(super) fn wait_for(&self, worker: usize, step: u64) {
        until(|| self.places.0[worker].get().0 > step);
    }

    fn own(&self) -> &Place {
        &self.places.0[self.own]
    }
}

impl Turn for Seat {
    fn wait(&self) {
        let own = self.own().get();
        for (number, place) in self.places.0.iter().enumerate() {
            if number != self.own {
                until(|| place.get() >= own);
            }
        }
    }

    fn ending(&self, first_packet: u64, flow: u64) {
        self.own().set_flow(first_packet, flow);
    }
}

fn until(reached: impl Fn() -> bool) {
    let mut spins = 0;
    while !reached() {
        if spins < SPINS {
            spins += 1;
            hint::spin_loop();
        } else {
            thread::yield_now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn turns_are_taken_in_the_order_of_places() {
        const WORKERS: u64 = 3;
        let places = Places::new(WORKERS as usize);
        let taken = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for own in 0..WORKERS {
                let (seat, taken) = (Seat::new(&places, own as usize), &taken);
                scope.spawn(move || {
                    for step in (1..=300).filter(|step| step % WORKERS == own) {
                        seat.reach(step);
                        seat.wait();
                        taken.lock().expect("nobody panics").push((step, 0));
                    }
                    // Flows that end together, in an order that runs across the workers.
                    seat.reach(301);
                    for flow in (1..=60).filter(|flow| flow % WORKERS == own) {
                        seat.ending(flow / 7, flow);
                        seat.wait();
                        taken.lock().expect("nobody panics").push((301, flow));
                    }
                    seat.leave();
                });
            }
        });
        let taken = taken.into_inner().expect("nobody panicked");
        assert_eq!(taken.len(), 360);
        assert!(taken.is_sorted(), "{taken:?}");
    }
}
