//! Blocks that stand on lists: many at a time, put into the tries and taken out in batches.
//!
//! In: prefixes and until when.  Out: those that found no room. A block that somebody asked for besides stays.

use aya::maps::{IterableMap as _, MapData};
use ids_ebpf::block::HostBlock;
use ids_ebpf::map::{self, Table};

use super::batch::Keys;
use super::clock::Monotonic;
use super::hosts::Change;
use super::prefix::Prefix;
use super::tables::{HostEntry, Tables, table_of};
use super::{Error, batch};

impl Tables {
    /// Blocks what stands on a list until a moment; what it was listed for until now is replaced. Out: those for which
    /// there is no room.
    ///
    /// # Errors
    /// A map refuses.
    pub fn list(&mut self, prefixes: &[Prefix], until: Monotonic) -> Result<Vec<Prefix>, Error> {
        let mut room = [self.room(true)?, self.room(false)?];
        let (mut refused, mut changes) = (Vec::new(), Vec::new());
        for prefix in prefixes {
            let room = &mut room[usize::from(!prefix.is_v4())];
            let new = !self.hosts.holds(*prefix);
            if new && *room == 0 {
                refused.push(*prefix);
                continue;
            }
            *room -= usize::from(new);
            changes.extend(self.hosts.list(*prefix, until.0));
        }
        self.write_many(changes)?;
        Ok(refused)
    }

    /// Ends what lists blocked.
    ///
    /// # Errors
    /// A map refuses.
    pub fn unlist(&mut self, prefixes: &[Prefix]) -> Result<(), Error> {
        let now = Monotonic::now().0;
        let changes = prefixes.iter().flat_map(|prefix| self.hosts.unlist(*prefix, now)).collect();
        self.write_many(changes)
    }

    /// The blocks that somebody asked for, by rule or by hand, whether or not they are on a list besides.
    ///
    /// # Errors
    /// A map cannot be read.
    pub fn asked(&self) -> Result<Vec<HostEntry>, Error> {
        let now = Monotonic::now().0;
        self.hosts.asked(now).map(|(prefix, block)| self.entry(prefix, block)).collect()
    }

    /// Whether there is an entry of this very prefix.
    pub fn holds(&self, prefix: Prefix) -> bool {
        self.hosts.holds(prefix)
    }

    /// How many more entries of an IP version there may be: hosts and prefixes together as many as either map takes.
    fn room(&self, v4: bool) -> Result<usize, Error> {
        let (name, trie) = self.trie(v4);
        let most = trie.info().map_err(|error| Error::map(name, &error))?.max_entries() as usize;
        Ok(most.saturating_sub(self.hosts.count(v4)))
    }

    fn trie(&self, v4: bool) -> (&'static str, &MapData) {
        if v4 { (map::BLOCK4, self.block4.map()) } else { (map::BLOCK6, self.block6.map()) }
    }

    /// Carries changes out: what is new or goes in batches, what is there already one by one, for the sake of its
    /// hits. A later change of an entry in the same list would be lost in between, so each run of one kind is ended by
    /// the next of another.
    fn write_many(&mut self, changes: Vec<Change>) -> Result<(), Error> {
        let (mut rest, mut changes) = (Vec::new(), changes.into_iter().peekable());
        while let Some(change) = changes.next() {
            rest.push(change);
            let kind = std::mem::discriminant(&change);
            if changes.peek().is_none_or(|next| std::mem::discriminant(next) != kind) {
                self.write_run(std::mem::take(&mut rest))?;
            }
        }
        Ok(())
    }

    /// Carries out changes of one kind.
    fn write_run(&mut self, run: Vec<Change>) -> Result<(), Error> {
        for table in [Table::Hosts4, Table::Block4, Table::Block6] {
            let mut inserts: Vec<(Prefix, HostBlock)> = Vec::new();
            let mut deletes: Vec<Prefix> = Vec::new();
            for change in run.iter().filter(|change| table_of(change.prefix()) == table) {
                match change {
                    Change::Insert(prefix, block) => inserts.push((*prefix, *block)),
                    Change::Delete(prefix) => deletes.push(*prefix),
                    Change::Update(..) => {}
                }
            }
            self.write_batch(table, &inserts, &deletes)?;
        }
        self.write(run.into_iter().filter(|change| matches!(change, Change::Update(..))).collect())
    }

    fn write_batch(&mut self, table: Table, inserts: &[(Prefix, HostBlock)], deletes: &[Prefix]) -> Result<(), Error> {
        let Self { hosts4, block4, block6, flows, .. } = self;
        let (name, map, keys) = match table {
            Table::Hosts4 => (map::HOSTS4, hosts4.map(), Keys::Hosts),
            Table::Block4 => (map::BLOCK4, block4.map(), Keys::Prefixes),
            _ => (map::BLOCK6, block6.map(), Keys::Prefixes),
        };
        let failed = |error: std::io::Error| match error.raw_os_error() {
            Some(libc::ENOSPC | libc::E2BIG) => Error::Full { map: name },
            _ => Error::Map { map: name, reason: error.to_string() },
        };
        if !inserts.is_empty() {
            flows.in_use.marking(table, || batch::update(map, keys, inserts).map_err(failed))?;
        }
        batch::delete(map, keys, deletes).map_err(failed)
    }
}
