//! On which processors workers run, and before whom.
//!
//! In: [`Schedule`].  Out: threads at their place. A thread may go anywhere by itself; to go before others takes
//! CAP_SYS_NICE, which no worker has. So a thread of its own keeps that right alone ([`Ranker`]), begins before the others are
//! given up, ranks the workers, and ends. Must not know what workers do.

#![allow(unsafe_code)]

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use rustix::process::setpriority_process;
use rustix::thread::{CapabilitySet, CpuSet, Pid, gettid, sched_getaffinity, sched_setaffinity};

use crate::rights;

/// Where workers run, and before whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How processors are shared out.
    pub placing: Placing,
    /// Which ones; `None`: all that the process may use.
    pub cpus: Option<Vec<usize>>,
    /// Niceness by processor (nice(2)), of workers that have one of their own.
    pub nice: Vec<(usize, i8)>,
    /// That of the others.
    pub usual_nice: i8,
    /// Priority in real time, 1 to 99 (`SCHED_FIFO`, sched(7)); niceness does not count then.
    pub real_time: Option<u8>,
}

/// How processors are shared out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Placing {
    /// Every worker runs anywhere.
    Anywhere,
    /// Every worker runs on any of them.
    Balanced,
    /// Each has one.
    #[default]
    Exclusive,
}

impl Default for Schedule {
    /// Each worker has a processor.
    fn default() -> Self {
        Self { placing: Placing::Exclusive, cpus: None, nice: Vec::new(), usual_nice: 0, real_time: None }
    }
}

/// Before whom a thread runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Nice(i8),
    RealTime(u8),
}

impl Rank {
    const USUAL: Self = Self::Nice(0);
}

impl Schedule {
    /// No place in particular.
    pub fn anywhere() -> Self {
        Self { placing: Placing::Anywhere, ..Self::default() }
    }

    /// Where a worker runs, of the processors that it may use; nothing if it does not matter.
    fn place(&self, number: usize, allowed: &[usize]) -> Vec<usize> {
        let cpus = self.cpus.as_deref().unwrap_or(allowed);
        match self.placing {
            Placing::Anywhere => Vec::new(),
            Placing::Balanced => cpus.to_vec(),
            Placing::Exclusive => cpus.get(number % cpus.len().max(1)).copied().into_iter().collect(),
        }
    }

    /// The rank of a worker at its place.
    fn rank(&self, place: &[usize]) -> Rank {
        let own = match place {
            [cpu] => self.nice.iter().find(|(of, _)| of == cpu).map(|(_, nice)| *nice),
            _ => None,
        };
        self.real_time.map_or(Rank::Nice(own.unwrap_or(self.usual_nice)), Rank::RealTime)
    }

    /// Whether any worker goes before others, or behind them.
    fn ranks(&self) -> bool {
        self.real_time.is_some() || self.usual_nice != 0 || !self.nice.is_empty()
    }

    /// Brings the calling thread, the `number`th worker, to its place; `ranker` sees to its rank.
    pub(super) fn take_place(&self, number: usize, ranker: Option<&Ranker>) {
        let place = self.place(number, &allowed());
        if !place.is_empty() {
            let mut set = CpuSet::new();
            place.iter().filter(|cpu| **cpu < CpuSet::MAX_CPU).for_each(|cpu| set.set(*cpu));
            if let Err(error) = sched_setaffinity(None, &set) {
                tracing::warn!(cpus = ?place, %error, "a worker is not kept on its processors");
            }
        }
        if let Some(ranker) = ranker {
            ranker.ask(self.rank(&place));
        }
    }
}

/// Processors that this process may use.
fn allowed() -> Vec<usize> {
    sched_getaffinity(None)
        .map_or_else(|_| Vec::new(), |set| (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect())
}

/// Gives threads their rank, until the last copy of this is dropped.
#[derive(Clone)]
pub(super) struct Ranker(Sender<(Pid, Rank)>);

impl Ranker {
    /// Starts the thread that ranks others, if the schedule wants it, with the rights of the thread that calls.
    ///
    /// # Errors
    /// A thread cannot be had.
    pub(super) fn start(schedule: &Schedule) -> io::Result<Option<Self>> {
        if !schedule.ranks() {
            return Ok(None);
        }
        let (ask, asked) = channel();
        thread::Builder::new().name("ranker".to_owned()).spawn(move || run(&asked))?;
        Ok(Some(Self(ask)))
    }

    fn ask(&self, rank: Rank) {
        // It ends early only if it cannot give its other rights up, which it says.
        let _ = self.0.send((gettid(), rank));
    }
}

fn run(asked: &Receiver<(Pid, Rank)>) {
    if let Err(error) = rights::keep_only(CapabilitySet::SYS_NICE) {
        tracing::warn!(%error, "workers run as all other threads do");
        return;
    }
    for (thread, rank) in asked {
        if let Err(error) = give(thread, rank) {
            tracing::warn!(%error, ?rank, "a worker runs as all other threads do; it takes CAP_SYS_NICE");
        }
    }
}

fn give(thread: Pid, rank: Rank) -> io::Result<()> {
    match rank {
        Rank::USUAL => Ok(()),
        Rank::Nice(nice) => Ok(setpriority_process(Some(thread), nice.into())?),
        Rank::RealTime(priority) => {
            let parameters = libc::sched_param { sched_priority: priority.into() };
            let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
            // SAFETY: the parameters live until the call is over.
            let result =
                unsafe { libc::sched_setscheduler(thread.as_raw_nonzero().get(), policy, &raw const parameters) };
            if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_ranks() {
        let schedule = |placing, cpus: Option<&[usize]>, real_time| Schedule {
            placing,
            cpus: cpus.map(<[usize]>::to_vec),
            nice: vec![(3, -5)],
            usual_nice: 5,
            real_time,
        };
        let allowed = [0, 1, 2, 3];
        type Case<'a> = (&'a str, Schedule, usize, &'a [usize], Rank);
        let cases: [Case<'_>; 7] = [
            ("usual", Schedule::default(), 5, &[1], Rank::Nice(0)),
            ("anywhere", Schedule::anywhere(), 0, &[], Rank::Nice(0)),
            ("one each", schedule(Placing::Exclusive, Some(&[3, 2]), None), 0, &[3], Rank::Nice(-5)),
            ("the next", schedule(Placing::Exclusive, Some(&[3, 2]), None), 1, &[2], Rank::Nice(5)),
            ("and round", schedule(Placing::Exclusive, Some(&[3, 2]), None), 2, &[3], Rank::Nice(-5)),
            ("any of them", schedule(Placing::Balanced, Some(&[3, 2]), None), 1, &[3, 2], Rank::Nice(5)),
            ("real time", schedule(Placing::Balanced, None, Some(50)), 1, &allowed, Rank::RealTime(50)),
        ];
        for (name, schedule, number, place, rank) in cases {
            assert_eq!(schedule.place(number, &allowed), place, "{name}");
            assert_eq!(schedule.rank(place), rank, "{name}");
        }
        assert!(!Schedule::default().ranks(), "nothing to do for a ranker");
        assert!(schedule(Placing::Exclusive, Some(&[]), None).place(0, &allowed).is_empty());
    }
}
