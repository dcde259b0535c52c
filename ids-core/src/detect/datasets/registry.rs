//! Which sets there are.
//!
//! Lives as long as the sensor: sets of the configuration, and those that are written to a file, are kept when rules are
//! loaded again; what rules only load is read anew.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Added, Dataset, Purpose, SaveTo, Settings, Spec, read};
use crate::detect::settings::Files;

/// The sets, by name.
#[derive(Debug, Default)]
pub(in crate::detect) struct Registry {
    sets: BTreeMap<String, Known>,
    /// Rows of all of them.
    hashsizes: u64,
}

#[derive(Debug)]
struct Known {
    set: Arc<Dataset>,
    spec: Spec,
    hashsize: u32,
    /// It outlives the rules that use it.
    kept: bool,
}

impl Registry {
    /// Before rules are loaded: forgets what the rules before only loaded, and makes the sets of the configuration.
    /// Out: what is wrong with those.
    pub(in crate::detect) fn begin(&mut self, settings: &Settings, files: &dyn Files) -> Vec<String> {
        self.sets.retain(|_, known| known.kept);
        self.hashsizes = self.sets.values().map(|known| u64::from(known.hashsize)).sum();
        let mut faults = Vec::new();
        for spec in &settings.sets {
            if let Err(fault) = self.declare(spec.clone(), None, settings, files) {
                faults.push(format!("dataset `{}`: {fault}", spec.name));
            }
        }
        faults
    }

    /// The set that is meant, made if it is not there. `rule_file`: index of the file of the rule that names it; none
    /// for the configuration.
    pub(in crate::detect) fn declare(
        &mut self,
        spec: Spec,
        rule_file: Option<usize>,
        settings: &Settings,
        files: &dyn Files,
    ) -> Result<Arc<Dataset>, String> {
        if let Some(known) = self.sets.get(&spec.name) {
            known.agrees(&spec)?;
            return Ok(Arc::clone(&known.set));
        }
        let hashsize = spec.hashsize.unwrap_or(settings.hashsize);
        if hashsize > settings.single_hashsize {
            let limit = settings.single_hashsize;
            return Err(format!("the hashsize {hashsize} is above the limit of one set, {limit} (`single-hashsize`)"));
        }
        if self.hashsizes + u64::from(hashsize) > settings.total_hashsizes {
            let limit = settings.total_hashsizes;
            return Err(format!("the hashsizes of all sets are above their limit, {limit} (`total-hashsizes`)"));
        }
        let set = Arc::new(make(&spec, rule_file, settings, files)?);
        self.hashsizes += u64::from(hashsize);
        let kept = rule_file.is_none() || spec.load.is_none() || set.save().is_some();
        self.sets.insert(spec.name.clone(), Known { set: Arc::clone(&set), spec, hashsize, kept });
        Ok(set)
    }

    /// All sets, by name.
    pub(in crate::detect) fn all(&self) -> Vec<Arc<Dataset>> {
        self.sets.values().map(|known| Arc::clone(&known.set)).collect()
    }
}

impl Known {
    /// Refuses what contradicts the first declaration; what is left out is as it was.
    fn agrees(&self, spec: &Spec) -> Result<(), String> {
        let name = &spec.name;
        if spec.kind.is_some_and(|kind| kind != self.set.kind()) {
            return Err(format!("the set `{name}` holds values of type `{}`", self.set.kind().name()));
        }
        if spec.scored != self.spec.scored {
            let what =
                if self.spec.scored { "has a number with each value: it is for `datarep`" } else { "has no numbers" };
            return Err(format!("the set `{name}` {what}"));
        }
        let files = [(&spec.load, &self.spec.load), (&spec.save, &self.spec.save), (&spec.state, &self.spec.state)];
        if files.iter().any(|(ours, theirs)| ours.is_some() && ours != theirs) {
            return Err(format!("the set `{name}` is declared with another file already"));
        }
        if spec.format.has_context() && spec.format != self.spec.format {
            return Err(format!("the set `{name}` is declared with another format already"));
        }
        Ok(())
    }
}

/// A set with the content of its file.
fn make(spec: &Spec, rule_file: Option<usize>, settings: &Settings, files: &dyn Files) -> Result<Dataset, String> {
    let Some(kind) = spec.kind else { return Err("a set that is new needs a `type`".to_owned()) };
    let name = spec.state.as_ref().or(spec.save.as_ref());
    let save = name.map(|name| SaveTo { name: name.clone(), configured: rule_file.is_none() });
    let memcap = spec.memcap.unwrap_or(settings.memcap);
    let set = Dataset::new(&spec.name, kind, memcap, save);
    let named = [(&spec.save, Purpose::Save), (&spec.load, Purpose::Load), (&spec.state, Purpose::State)];
    for (name, purpose) in named {
        let Some(name) = name else { continue };
        let wrong = |message: String| format!("{name}: {message}");
        let content = files.set(name, purpose, rule_file).map_err(wrong)?;
        let mut each = |key: &[u8], value| match set.add(key, value) {
            Added::New | Added::There => Ok(()),
            Added::Full => Err(format!("more does not fit into the memcap of {memcap} bytes")),
        };
        read(&content, kind, &spec.format, spec.scored, &mut each).map_err(wrong)?;
    }
    Ok(set)
}
