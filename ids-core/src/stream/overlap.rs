//! Which copy of a byte wins where segments overlap, by the receiver's operating system.
//!
//! In: where an earlier and a later segment begin and end.  Out: whether the later one takes the bytes both hold.
//! The rules are those published for the reassembly queues of these systems (J. Novak, S. Sturges,
//! "Target-Based TCP Stream Reassembly", 2007); evasions: T. Ptacek, T. Newsham 1998.

pub use crate::host_policy::Policy;

impl Policy {
    /// All policies.
    pub const ALL: [Self; 15] = [
        Self::Bsd,
        Self::BsdRight,
        Self::OldLinux,
        Self::Linux,
        Self::OldSolaris,
        Self::Solaris,
        Self::Hpux10,
        Self::Hpux11,
        Self::Irix,
        Self::Macos,
        Self::Windows,
        Self::Vista,
        Self::Windows2k3,
        Self::First,
        Self::Last,
    ];

    /// Whether the later segment takes the bytes it shares with an earlier one.
    pub const fn later_wins(self, earlier: Span, later: Span) -> bool {
        let before = later.start < earlier.start;
        let same_start = later.start == earlier.start;
        match self {
            Self::First | Self::Vista => false,
            Self::Last => true,
            Self::Bsd | Self::Macos | Self::Irix | Self::Hpux10 => before,
            Self::BsdRight => before || same_start,
            Self::Linux => before || (same_start && later.end > earlier.end),
            Self::OldLinux => before || (same_start && later.end >= earlier.end),
            Self::Windows | Self::Windows2k3 => before && later.end > earlier.end,
            Self::Solaris | Self::OldSolaris | Self::Hpux11 => {
                later.end >= earlier.end && (before || same_start || later.end > earlier.end)
            }
        }
    }
}

/// A stretch of a stream, in bytes from its first: `start` inclusive, `end` exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
}

impl Span {
    /// The stretch of `bytes` that begins at `start`.
    pub(super) const fn of(start: u64, bytes: &[u8]) -> Self {
        Self { start, end: start.saturating_add(bytes.len() as u64) }
    }

    /// The part of `bytes`, which begin at `start`, that lies in this span.
    pub(super) fn within(self, start: u64, bytes: &[u8]) -> &[u8] {
        let from = distance(start, self.start);
        let to = distance(start, self.end).min(bytes.len());
        bytes.get(from..to).unwrap_or_default()
    }
}

/// How far `to` lies after `from`, 0 if it does not, as a length in memory.
pub(super) fn distance(from: u64, to: u64) -> usize {
    usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a later segment lies against an earlier one at 10..20, and who takes the common bytes.
    #[test]
    fn the_published_table() {
        let earlier = Span { start: 10, end: 20 };
        let rows: [(&str, (u64, u64), &[Policy]); 7] = {
            use Policy::*;
            [
                ("the same", (10, 20), &[BsdRight, OldLinux, Solaris, Hpux11, Last]),
                ("same start, longer", (10, 25), &[BsdRight, Linux, OldLinux, Solaris, Hpux11, Last]),
                ("same start, shorter", (10, 15), &[BsdRight, Last]),
                ("before, ends inside", (5, 15), &[Bsd, BsdRight, Linux, OldLinux, Last]),
                ("around", (5, 25), &[Bsd, BsdRight, Linux, OldLinux, Windows, Solaris, Hpux11, Last]),
                ("inside", (12, 18), &[Last]),
                ("inside, ends after", (15, 25), &[Solaris, Hpux11, Last]),
            ]
        };
        for (name, (start, end), winners) in rows {
            for policy in Policy::ALL {
                let same_rule = match policy {
                    Policy::Macos | Policy::Irix | Policy::Hpux10 => Policy::Bsd,
                    Policy::OldSolaris => Policy::Solaris,
                    Policy::Windows2k3 => Policy::Windows,
                    Policy::Vista => Policy::First,
                    other => other,
                };
                let wins = policy.later_wins(earlier, Span { start, end });
                assert_eq!(wins, winners.contains(&same_rule), "{name}, {policy:?}");
            }
        }
    }
}
