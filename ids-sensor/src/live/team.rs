//! The workers of one port or pair: whichever receives a packet hands it over to the worker of its flow, and keeps its frame
//! until the verdict comes back.
//!
//! In: packets that are others' ([`Peers`]).  Out: packets that others received, and answers to one's own.
//! From each worker to each other one leads a ring with one writer and one reader, which keeps the order. Nobody waits: a
//! packet that finds no room is lost, and counted by who received it. There is always room for an answer, since a worker
//! has no more packets under way than every ring has room for beyond those that wait.
//! Must not know rules, sockets or verdicts.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};

use ids_core::engine::{Claim, Part, Peers, Route};
use ids_core::packet::Packet;
use rtrb::{Consumer, Producer, RingBuffer};
use rustix::event::{EventfdFlags, eventfd};

use crate::kernel::clock::Monotonic;

/// A packet on its way to the worker of its flow, or back.
pub(super) struct Parcel {
    /// Who has the frame.
    origin: usize,
    /// It has been inspected, or cannot be, and is on its way back.
    pub(super) answered: bool,
    pub(super) part: Part,
    /// It found no room on its way.
    pub(super) lost: bool,
}

/// What became of the parts of a packet that are others'.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Handed {
    /// How many are under way.
    pub(super) parts: u32,
    /// At least one found no room.
    pub(super) lost: bool,
}

/// One worker's place among those of its port.
pub(super) struct Seat {
    number: usize,
    /// By number; `None` for this worker itself.
    links: Vec<Option<Link>>,
    /// Memory for parcels.
    #[expect(clippy::vec_box, reason = "they go through the rings in their boxes, and come back")]
    free: Vec<Box<Parcel>>,
    under_way: usize,
    /// Packets that may wait in each ring, and packets of one worker that others may have at a time.
    room: usize,
    /// Of the packet that is being shared.
    handed: Handed,
    team: Arc<Team>,
}

/// What leads to another worker, and from there.
struct Link {
    to: Producer<Box<Parcel>>,
    from: Consumer<Box<Parcel>>,
    /// Answers that went there; how many by the latest [`Seat::mark`]; answers that came from there.
    given: u64,
    marked: u64,
    taken: u64,
}

/// What all of them see.
struct Team {
    bells: Vec<Bell>,
    /// When each lived last.
    lived: Vec<AtomicU64>,
    /// By worker and by who answered: answers whose frames have left.
    left: Vec<AtomicU64>,
    /// Workers that still receive, or wait for answers.
    busy: AtomicUsize,
    /// One has ended before its time.
    broken: AtomicBool,
}

/// Wakes a worker that sleeps.
struct Bell {
    asleep: AtomicBool,
    event: OwnedFd,
}

/// Seats for so many workers, for each of which so many packets may wait from each of the others.
///
/// # Errors
/// No more descriptors.
pub(super) fn seats(workers: usize, room: usize) -> io::Result<Vec<Seat>> {
    let bell = || -> io::Result<Bell> {
        let event = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell { asleep: AtomicBool::new(false), event })
    };
    let team = Arc::new(Team {
        bells: (0..workers).map(|_| bell()).collect::<io::Result<_>>()?,
        lived: (0..workers).map(|_| AtomicU64::new(u64::MAX)).collect(),
        left: (0..workers * workers).map(|_| AtomicU64::new(0)).collect(),
        busy: AtomicUsize::new(workers),
        broken: AtomicBool::new(false),
    });
    let mut seats: Vec<Seat> = (0..workers)
        .map(|number| Seat {
            number,
            links: (0..workers).map(|_| None).collect(),
            free: Vec::new(),
            under_way: 0,
            room,
            handed: Handed::default(),
            team: Arc::clone(&team),
        })
        .collect();
    for a in 0..workers {
        for b in a + 1..workers {
            let (to_b, from_a) = RingBuffer::new(2 * room);
            let (to_a, from_b) = RingBuffer::new(2 * room);
            seats[a].links[b] = Some(Link { to: to_b, from: from_b, given: 0, marked: 0, taken: 0 });
            seats[b].links[a] = Some(Link { to: to_a, from: from_a, given: 0, marked: 0, taken: 0 });
        }
    }
    Ok(seats)
}

impl Peers for Seat {
    fn owner(&self, hash: u64) -> Option<usize> {
        Some(Route::worker(hash, self.links.len())).filter(|owner| *owner != self.number)
    }

    fn hand_over(&mut self, to: usize, packet: &Packet<'_>, claim: Claim) {
        let (room, may) = (self.room, self.under_way < self.room);
        let Some(link) = self.links[to].as_mut().filter(|link| may && link.has_room(room)) else {
            self.handed.lost = true;
            return;
        };
        let parcel = match self.free.pop() {
            Some(mut parcel) => {
                parcel.part.renew(packet, claim);
                (parcel.answered, parcel.lost) = (false, false);
                parcel
            }
            None => {
                let part = Part::new(packet, claim);
                Box::new(Parcel { origin: self.number, answered: false, part, lost: false })
            }
        };
        link.send(parcel);
        self.under_way += 1;
        self.handed.parts += 1;
        self.team.ring(to);
    }
}

impl Link {
    /// Whether another packet may wait, which leaves room for all answers that may come.
    fn has_room(&self, answers: usize) -> bool {
        self.to.slots() > answers
    }

    fn send(&mut self, parcel: Box<Parcel>) {
        let sent = self.to.push(parcel);
        debug_assert!(sent.is_ok(), "there is room for what may wait and for all answers");
    }
}

impl Seat {
    /// Which of them this is.
    pub(super) const fn number(&self) -> usize {
        self.number
    }

    /// How many there are.
    pub(super) const fn workers(&self) -> usize {
        self.links.len()
    }

    /// What has been handed over since the last call.
    pub(super) fn handed(&mut self) -> Handed {
        std::mem::take(&mut self.handed)
    }

    /// The next parcel from a worker.
    pub(super) fn next(&mut self, from: usize) -> Option<Box<Parcel>> {
        self.links.get_mut(from)?.as_mut()?.from.pop().ok()
    }

    /// Sends a parcel back with its answer. Out: the parcel, if its frame is this worker's: it has come back by way of
    /// another one.
    pub(super) fn answer(&mut self, mut parcel: Box<Parcel>) -> Option<Box<Parcel>> {
        parcel.answered = true;
        let origin = parcel.origin;
        let Some(link) = &mut self.links[origin] else { return Some(parcel) };
        link.send(parcel);
        link.given += 1;
        self.team.ring(origin);
        None
    }

    /// Sends a parcel on to yet another worker. Out: as [`Self::answer`], where there is no room.
    pub(super) fn forward(&mut self, to: usize, mut parcel: Box<Parcel>) -> Option<Box<Parcel>> {
        let Some(link) = self.links[to].as_mut().filter(|link| link.has_room(self.room)) else {
            parcel.lost = true;
            return self.answer(parcel);
        };
        link.send(parcel);
        self.team.ring(to);
        None
    }

    /// An answer has been taken; its memory may be used again.
    pub(super) fn taken(&mut self, from: usize, parcel: Box<Parcel>) {
        if let Some(link) = &mut self.links[from] {
            link.taken += 1;
        }
        self.under_way -= 1;
        self.free.push(parcel);
    }

    /// All frames whose answers were taken have left.
    pub(super) fn all_left(&self) {
        for (other, link) in self.others() {
            self.team.left[self.number * self.links.len() + other].store(link.taken, Ordering::Release);
        }
    }

    /// From now on [`Self::marked_left`] asks for the answers given so far.
    pub(super) fn mark(&mut self) {
        self.links.iter_mut().flatten().for_each(|link| link.marked = link.given);
    }

    /// Whether the frames of all answers given by the latest [`Self::mark`] have left.
    pub(super) fn marked_left(&self) -> bool {
        let left = |other: usize| self.team.left[other * self.links.len() + self.number].load(Ordering::Acquire);
        self.others().all(|(other, link)| left(other) >= link.marked)
    }

    /// This worker lives; when the one that lived longest ago did.
    pub(super) fn live(&self, now: Monotonic) -> Monotonic {
        self.team.lived[self.number].store(now.0, Ordering::Relaxed);
        let lived = self.team.lived.iter().map(|lived| lived.load(Ordering::Relaxed));
        Monotonic(lived.min().unwrap_or(now.0))
    }

    /// What becomes readable when another worker sends something to this one while it [sleeps](Self::may_sleep).
    pub(super) fn bell(&self) -> BorrowedFd<'_> {
        self.team.bells[self.number].event.as_fd()
    }

    /// Whether nothing has come; then the bell rings for what comes, until [`Self::awake`].
    pub(super) fn may_sleep(&self) -> bool {
        let asleep = &self.team.bells[self.number].asleep;
        asleep.store(true, Ordering::Relaxed);
        // Either this sees what was sent, or who sent it sees that this sleeps.
        fence(Ordering::SeqCst);
        let nothing = self.others().all(|(_, link)| link.from.is_empty());
        if !nothing {
            asleep.store(false, Ordering::Relaxed);
        }
        nothing
    }

    /// The bell is still.
    pub(super) fn awake(&self) {
        let bell = &self.team.bells[self.number];
        bell.asleep.store(false, Ordering::Relaxed);
        // Nothing to read: it has not rung.
        let _ = rustix::io::read(&bell.event, &mut [0; 8]);
    }

    /// This worker hands nothing over any more, and has all answers.
    pub(super) fn is_done(&self) {
        self.team.busy.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether others may still hand something over.
    pub(super) fn others_busy(&self) -> bool {
        self.team.busy.load(Ordering::Acquire) > 0
    }

    /// Whether another worker has ended before its time: what it has does not come back.
    pub(super) fn is_broken(&self) -> bool {
        self.team.broken.load(Ordering::Acquire)
    }

    fn others(&self) -> impl Iterator<Item = (usize, &Link)> {
        self.links.iter().enumerate().filter_map(|(other, link)| Some((other, link.as_ref()?)))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.others_busy() {
            self.team.broken.store(true, Ordering::Release);
        }
    }
}

impl Team {
    /// Wakes a worker if it sleeps.
    fn ring(&self, worker: usize) {
        let bell = &self.bells[worker];
        fence(Ordering::SeqCst);
        if bell.asleep.load(Ordering::Relaxed) && bell.asleep.swap(false, Ordering::Relaxed) {
            // It fails only where the bell rings already.
            let _ = rustix::io::write(&bell.event, &1u64.to_ne_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use ids_core::counters::Counters;
    use ids_core::decode::{self, Frame, Start};
    use ids_core::packet::LinkType;
    use ids_core::time::Time;
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::*;

    const ROOM: usize = 64;

    /// Hands a packet over that bears a number.
    fn hand_over(seat: &mut Seat, to: usize, id: u64) {
        let frame = Frame { id, port: 0, time: Time::ZERO, link: LinkType::Ethernet, bytes: &[0; 60] };
        let start = Start::captured(&frame, &decode::Config::default(), &mut Counters::default());
        seat.hand_over(to, &start.packet, Claim::Own);
    }

    fn rings(seat: &Seat) -> bool {
        let mut bell = [PollFd::from_borrowed_fd(seat.bell(), PollFlags::IN)];
        poll(&mut bell, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).unwrap() > 0
    }

    #[test]
    fn parcels_come_in_order_and_go_back() {
        let [mut a, mut b] = seats(2, ROOM).unwrap().try_into().ok().unwrap();
        (1..=3).for_each(|id| hand_over(&mut a, 1, id));
        assert_eq!(a.handed(), Handed { parts: 3, lost: false });
        for id in 1..=3 {
            let parcel = b.next(0).unwrap();
            assert_eq!((parcel.part.id(), parcel.answered), (id, false));
            assert!(b.answer(parcel).is_none());
        }
        assert!(b.next(0).is_none());
        b.mark();
        for id in 1..=3 {
            assert!(!b.marked_left());
            let parcel = a.next(1).unwrap();
            assert_eq!((parcel.part.id(), parcel.answered, parcel.lost), (id, true, false));
            a.taken(1, parcel);
            a.all_left();
        }
        assert!(b.marked_left(), "all frames have left");
        assert_eq!((a.under_way, a.free.len()), (0, 3), "their memory is used again");
    }

    #[test]
    fn what_goes_on_comes_back_to_who_has_the_frame() {
        let mut team = seats(3, ROOM).unwrap();
        hand_over(&mut team[0], 1, 7);
        let parcel = team[1].next(0).unwrap();
        assert!(team[1].forward(2, parcel).is_none());
        let parcel = team[2].next(1).unwrap();
        assert!(team[2].answer(parcel).is_none());
        assert!(team[0].next(2).is_some_and(|parcel| parcel.answered));
        // It may turn out to be its receiver's own.
        hand_over(&mut team[0], 1, 8);
        let parcel = team[1].next(0).unwrap();
        assert!(team[1].forward(0, parcel).is_none());
        let parcel = team[0].next(1).unwrap();
        assert!(!parcel.answered && team[0].answer(parcel).is_some_and(|parcel| parcel.answered));
    }

    #[test]
    fn a_full_ring_loses_packets_and_no_answer() {
        let [mut a, mut b] = seats(2, ROOM).unwrap().try_into().ok().unwrap();
        for seat in [&mut a, &mut b] {
            let to = 1 - seat.number();
            (0..ROOM as u64).for_each(|id| hand_over(seat, to, id));
            assert_eq!(seat.handed(), Handed { parts: ROOM as u32, lost: false });
            hand_over(seat, to, 9999);
            assert_eq!(seat.handed(), Handed { parts: 0, lost: true });
        }
        for _ in 0..ROOM {
            let parcel = a.next(1).unwrap();
            assert!(a.answer(parcel).is_none());
        }
        let answered = std::iter::from_fn(|| b.next(0)).filter(|parcel| parcel.answered).count();
        assert_eq!(answered, ROOM);
    }

    #[test]
    fn who_sleeps_is_woken() {
        let [mut a, b] = seats(2, ROOM).unwrap().try_into().ok().unwrap();
        assert!(b.may_sleep());
        assert!(!rings(&b));
        hand_over(&mut a, 1, 1);
        assert!(rings(&b));
        b.awake();
        assert!(!rings(&b), "once");
        assert!(!b.may_sleep(), "something has come");
        hand_over(&mut a, 1, 2);
        assert!(!rings(&b), "who is awake looks by itself");
    }

    #[test]
    fn the_team_lives_as_its_most_silent_member() {
        let [a, b] = seats(2, ROOM).unwrap().try_into().ok().unwrap();
        assert_eq!(a.live(Monotonic(5)), Monotonic(5), "who has not begun does not count");
        assert_eq!(b.live(Monotonic(9)), Monotonic(5));
        assert_eq!(a.live(Monotonic(20)), Monotonic(9));
        assert!(!a.is_broken());
        a.is_done();
        drop(b);
        assert!(a.is_broken(), "one has left before its time");
    }
}
