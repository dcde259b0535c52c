//! TCP: segments in any order → sessions and ordered bytes.

/// What a TCP session was like, for `flow` records (`tcp` object).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All flags seen, by direction.
    pub flags: [u8; 2],
    /// Name of the state it ended in: `established`, `closed`, `fin_wait1` ….
    pub state: &'static str,
    /// Whether bytes were missing, by direction.
    pub gap: [bool; 2],
    /// Largest number of separate regions of data held, by direction.
    pub regions: [u32; 2],
    /// Urgent bytes taken out of band, by direction.
    pub urgent: [u32; 2],
}
