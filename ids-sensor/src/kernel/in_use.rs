//! Which tables may hold something: the kernel stage does not search those that are marked as empty.
//!
//! In: insertions, and looks at what is there.  Out: the marks in the map [`IN_USE`](map::IN_USE).
//! Nothing that is in a table may stay unmarked, with several threads and processes writing and no lock between them.
//! So whoever inserts marks the table before (packets see the entry as soon as it is there) and again after; whoever
//! finds it empty unmarks it, looks again, and marks it if something has come. Whichever way these interleave, either
//! the second look sees the entry or the second mark comes after the unmarking.

use aya::maps::{Array, IterableMap, Map, MapData};
use ids_ebpf::map::{self, Table};

use super::{Error, again};

/// The marks.
pub(super) struct InUse(Array<MapData, u32>);

impl InUse {
    pub(super) const fn new(marks: Array<MapData, u32>) -> Self {
        Self(marks)
    }

    /// Another handle to the same marks.
    pub(super) fn again(&self) -> Result<Self, Error> {
        let data = again(map::IN_USE, self.0.map())?;
        Ok(Self(Array::try_from(Map::Array(data)).map_err(|error| Error::map(map::IN_USE, &error))?))
    }

    /// Does something that may put an entry into a table.
    pub(super) fn marking<T>(&mut self, table: Table, insert: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.mark(table)?;
        let inserted = insert()?;
        self.mark(table)?;
        Ok(inserted)
    }

    /// Unmarks a table if it is empty; marks it if it is not.
    pub(super) fn unmark_if(&mut self, table: Table, is_empty: impl Fn() -> bool) -> Result<(), Error> {
        if is_empty() {
            self.set(table, 0)?;
        }
        if is_empty() { Ok(()) } else { self.mark(table) }
    }

    /// Whether any of these tables may hold something.
    pub(super) fn any(&self, tables: &[Table]) -> Result<bool, Error> {
        let mut any = false;
        for table in tables {
            any |= self.0.get(&(*table as u32), 0).map_err(|error| Error::map(map::IN_USE, &error))? != 0;
        }
        Ok(any)
    }

    fn mark(&mut self, table: Table) -> Result<(), Error> {
        match self.0.get(&(table as u32), 0).map_err(|error| Error::map(map::IN_USE, &error))? {
            0 => self.set(table, 1),
            _ => Ok(()),
        }
    }

    fn set(&mut self, table: Table, used: u32) -> Result<(), Error> {
        self.0.set(table as u32, used, 0).map_err(|error| Error::map(map::IN_USE, &error))
    }
}
