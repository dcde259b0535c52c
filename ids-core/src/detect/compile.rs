//! Syntax trees → the rule set.
//!
//! In: rules with the index of their file, and [`Settings`].  Out: [`Loaded`]: the set, and everything that is wrong.
//! A bad rule is told and left out; the others are not affected. A [`Loader`] lives as long as the sensor, so that
//! names keep their numbers over reloads.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::advice;
use super::builder::{Cx, RuleBuilder};
use super::catalog::Catalog;
use super::datasets::Registry;
use super::fast_pattern::{Pattern, Prefilter};
use super::files;
use super::finish::{Buffers, Draft, finish};
use super::gate::Gates;
use super::header;
use super::index::Index;
use super::interest::lasting::Lasting;
use super::keywords::unmet;
use super::mpm::BuildError;
use super::names::{NameId, Names, Space};
use super::options;
use super::patterns::Collector;
use super::read_header::{action, hook, protocol, scope};
use super::rule_set::{
    AppGroup, Buffer, Compiled, Effect, EventTest, Generation, Inspection, Kind, Payload, RuleId, RuleSet,
};
use super::settings::{ActionClass, Basis, MAX_ALERTS, Settings};
use crate::app::registry;
use crate::field::Dir;
use crate::rules::Fault;
use crate::rules::ast::{Origin, Rule};
use crate::rules::diagnostic::{Code, Diagnostic};

/// Compiles rules, again and again.
pub struct Loader {
    catalog: Catalog,
    names: Names,
    datasets: Registry,
    generation: u32,
    thorough: bool,
    buffers: Buffers,
    /// What the latest rules were compiled under, and those that the next set can have as they are, by a hash of their
    /// text.
    basis: Basis,
    known: HashMap<u64, Arc<Compiled>>,
}

/// With more buffers than this those that no rule looks at any more are forgotten, and all rules are compiled anew.
const MAX_BUFFERS: usize = 4096;

impl Default for Loader {
    fn default() -> Self {
        Self {
            catalog: Catalog::new(),
            names: Names::default(),
            datasets: Registry::default(),
            generation: 0,
            thorough: false,
            buffers: Buffers::default(),
            basis: Basis::default(),
            known: HashMap::new(),
        }
    }
}

/// What became of rules.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Those that are good.
    pub rules: RuleSet,
    /// What is wrong, with the index of the file: errors of rules that were left out, and warnings.
    pub faults: Vec<(usize, Fault)>,
    /// What is wrong with sets of the configuration.
    pub set_faults: Vec<String>,
    /// How many rules require something that is not there, and were passed over.
    pub skipped: usize,
}

/// A rule that was read, with where it came from.
struct Read {
    draft: Draft,
    file: usize,
    origin: Origin,
}

impl Loader {
    /// One that speaks as well of what costs time only: for authors, not for those who run rules of others.
    pub fn thorough() -> Self {
        Self { thorough: true, ..Self::default() }
    }

    /// Compiles a set. `Err`: the patterns are too many for the matcher.
    pub fn compile(
        &mut self,
        rules: impl IntoIterator<Item = (usize, Rule)>,
        settings: &Settings,
    ) -> Result<Loaded, BuildError> {
        self.generation = self.generation.wrapping_add(1);
        let mut loaded = Loaded {
            set_faults: self.datasets.begin(&settings.datasets, settings.files.as_ref()),
            ..Loaded::default()
        };
        let known = self.start_over_or_share(settings);
        let mut read: Vec<Read> = Vec::new();
        let mut by_sid: HashMap<(u32, u32), usize> = HashMap::new();
        let mut headers = header::Reader::default();
        for (file, rule) in rules {
            let origin = rule.origin.clone();
            let text = rule.text.clone();
            let key = hash(&text);
            let same = known.get(&key).filter(|known| known.info.raw == text).cloned();
            let mut fault = |diagnostic: Diagnostic| {
                let fault = Fault { text: text.clone(), origin: origin.clone(), diagnostic };
                loaded.faults.push((file, fault));
            };
            let draft = match same {
                Some(same) => Ok(Some((Draft::of(same, &self.buffers, &self.catalog), Vec::new()))),
                None => {
                    let (names, datasets) = (&mut self.names, &mut self.datasets);
                    let mut cx = Cx { settings, catalog: &self.catalog, names, datasets };
                    one(&mut cx, &mut headers, file, rule, &mut self.buffers)
                }
            };
            match draft {
                Err(faults) => faults.into_iter().for_each(&mut fault),
                Ok(None) => loaded.skipped += 1,
                Ok(Some((draft, warnings))) => {
                    // A rule with a warning is compiled every time, so that it is told every time.
                    if warnings.is_empty() && !draft.rule.has_outside_parts() {
                        self.known.insert(key, Arc::clone(&draft.rule));
                    }
                    warnings.into_iter().for_each(&mut fault);
                    if self.thorough {
                        advice::of_prefilter(&draft).into_iter().for_each(&mut fault);
                    }
                    let info = &draft.rule.info;
                    match by_sid.get(&(info.gid, info.sid)).copied() {
                        None => {
                            by_sid.insert((info.gid, info.sid), read.len());
                            read.push(Read { draft, file, origin });
                        }
                        Some(at) => {
                            if let Some(known) = read.get_mut(at) {
                                let left_out = newer(known, Read { draft, file, origin: origin.clone() });
                                loaded.faults.push(left_out);
                            }
                        }
                    }
                }
            }
        }
        for (place, diagnostic) in advice::of_names(read.iter().map(|rule| &rule.draft), &self.names) {
            loaded.faults.extend(read.get(place).map(|rule| (rule.file, rule.fault(diagnostic))));
        }
        drop((by_sid, known));
        loaded.rules = self.assemble(read, settings)?;
        Ok(loaded)
    }

    /// The rules that can be taken over as they are: all those of the latest set, or none if the settings are others now.
    fn start_over_or_share(&mut self, settings: &Settings) -> HashMap<u64, Arc<Compiled>> {
        let (basis, known) = (settings.basis(), std::mem::take(&mut self.known));
        if basis == self.basis && self.buffers.0.len() <= MAX_BUFFERS {
            return known;
        }
        self.basis = basis;
        self.buffers = Buffers::default();
        HashMap::new()
    }

    /// Name of the field behind a buffer.
    fn field_name(&self, number: u16) -> &'static str {
        let field = self.buffers.0.get(usize::from(number)).and_then(|row| self.catalog.field(row.0));
        field.map_or("", |field| field.info.name)
    }

    /// Numbers the rules in their order, and builds what finds them.
    fn assemble(&self, read: Vec<Read>, settings: &Settings) -> Result<RuleSet, BuildError> {
        let drafts = in_order(read, settings);
        let mut set = RuleSet {
            generation: Generation(self.generation),
            names: self.names.clone(),
            datasets: self.datasets.all(),
            max_alerts: if settings.max_alerts == 0 { MAX_ALERTS } else { settings.max_alerts },
            ..RuleSet::default()
        };
        let mut payloads: [[Collector; 2]; Payload::COUNT] = Default::default();
        let mut fields: Vec<[Collector; 2]> = self.buffers.0.iter().map(|_| Default::default()).collect();
        set.apps = registry::all().map(|_| AppGroup::default()).collect();
        for (place, draft) in drafts.iter().enumerate() {
            let id = RuleId::new(place);
            set.by_identity.insert(draft.rule.identity, id);
            set.tags_hosts |= draft.rule.effects.iter().any(Effect::tags_host);
            set.certificates |= draft.rule.effects.iter().any(|effect| matches!(effect, Effect::Certificates));
            set.files = set.files.or(files::wanted(&draft.rule, |buffer| self.field_name(buffer)));
            match &draft.prefilter {
                Prefilter::Always if draft.rule.kind == Kind::Transaction => always(&mut set, draft, id),
                Prefilter::Always if draft.rule.kind == Kind::Frame => self.frames_always(&mut set, draft, id),
                Prefilter::Always => {}
                Prefilter::Events => events(&mut set, draft, id),
                Prefilter::Payload(pattern) => {
                    for group in payload_groups(draft) {
                        add(payloads.get_mut(group as usize), &draft.dirs(), pattern, id);
                    }
                }
                Prefilter::Buffer(buffer, dir, pattern) => {
                    let dirs = dir.map_or_else(|| draft.dirs(), |dir| smallvec::smallvec![dir]);
                    add(fields.get_mut(usize::from(*buffer)), &dirs, pattern, id);
                }
            }
        }
        let on_packets = drafts
            .iter()
            .enumerate()
            .filter(|(_, draft)| matches!(draft.prefilter, Prefilter::Always) && draft.rule.kind.on_packets());
        set.always =
            Index::new(on_packets.map(|(place, draft)| (RuleId::new(place), draft.rule.carriers, &draft.rule.header)));
        // Nothing but the rules of the drafts is needed any more, and building the matchers is when memory is at its peak.
        set.rules = drafts.into_iter().map(|draft| draft.rule).collect();
        set.since = vec![set.generation; set.rules.len()];
        set.lasting = Lasting::of(&set.rules);
        set.gates = Gates::of(&set.rules);
        for (groups, collectors) in set.payloads.iter_mut().zip(payloads) {
            for (group, collector) in groups.iter_mut().zip(collectors) {
                *group = collector.build(settings.algo)?;
            }
        }
        self.build_buffers(&mut set, fields, settings)?;
        Ok(set)
    }

    /// Builds what finds rules in buffers of transactions and in frames.
    fn build_buffers(
        &self,
        set: &mut RuleSet,
        collectors: Vec<[Collector; 2]>,
        settings: &Settings,
    ) -> Result<(), BuildError> {
        // Numbers outlast the rules that they were given for.
        let used: HashSet<u16> =
            set.rules.iter().flat_map(|rule| rule.inspections.iter().filter_map(Inspection::buffer)).collect();
        for ((field, transforms), [request, response]) in self.buffers.0.iter().zip(collectors) {
            let Some(known) = self.catalog.field(*field) else { continue };
            let groups = [request.build(settings.algo)?, response.build(settings.algo)?];
            let number = u16::try_from(set.buffers.len()).unwrap_or(u16::MAX);
            for row in &known.fields {
                let Some(app) = set.apps.get_mut(row.proto.index()) else { continue };
                if known.frame && used.contains(&number) {
                    set.frames.add(row.proto, known.info);
                }
                let lists = if known.frame { &mut app.frames } else { &mut app.buffers };
                for (list, group) in lists.iter_mut().zip(&groups) {
                    list.extend(group.as_ref().map(|_| (number, row.number)));
                }
            }
            let (fields, transforms) = (known.fields.clone(), transforms.clone());
            set.buffers.push(Buffer { info: known.info, fields, transforms, groups });
        }
        Ok(())
    }
}

impl Loader {
    /// A rule on frames without a pattern.
    fn frames_always(&self, set: &mut RuleSet, draft: &Draft, id: RuleId) {
        let buffer = draft.rule.inspections.iter().find_map(Inspection::buffer);
        let row = buffer.and_then(|buffer| self.buffers.0.get(usize::from(buffer)));
        let Some(known) = row.and_then(|row| self.catalog.field(row.0)) else { return };
        for row in &known.fields {
            let Some(app) = set.apps.get_mut(row.proto.index()) else { continue };
            for dir in draft.dirs() {
                let [request, response] = &mut app.frames_always;
                if dir == Dir::ToServer { request } else { response }.push((id, row.number));
            }
        }
    }
}

/// A number for the text of a rule, the same in each run of the program.
fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Reads one rule. `None`: it requires something that is not there.
fn one(
    cx: &mut Cx<'_>,
    headers: &mut header::Reader,
    file: usize,
    rule: Rule,
    buffers: &mut Buffers,
) -> Result<Option<(Draft, Vec<Diagnostic>)>, Vec<Diagnostic>> {
    let alone = |fault| vec![fault];
    if unmet(&rule, cx).map_err(alone)?.is_some() {
        return Ok(None);
    }
    let action = action(&rule).map_err(alone)?;
    let scope = scope(&rule, action).map_err(alone)?;
    let header = headers.header(&rule, &cx.settings.vars).map_err(alone)?;
    let mut builder = RuleBuilder::new(cx, file, header);
    protocol(&mut builder, &rule.protocol).map_err(alone)?;
    if let Some(word) = &rule.hook {
        hook(&mut builder, word).map_err(alone)?;
    }
    options::read(&mut builder, &rule.options)?;
    finish(builder, rule, action, scope, buffers).map(Some)
}

/// Keeps the higher revision of two rules with the same number. Out: what to say of the one that is left out, with its
/// file.
fn newer(known: &mut Read, other: Read) -> (usize, Fault) {
    let replaces = other.draft.rule.info.rev > known.draft.rule.info.rev;
    let left_out = if replaces { std::mem::replace(known, other) } else { other };
    let info = &left_out.draft.rule.info;
    let whole = 0..info.raw.len();
    let place = match known.file == left_out.file {
        true => format!("line {}", known.origin.line()),
        false => "another file".to_owned(),
    };
    let rev = known.draft.rule.info.rev;
    let same = format!("a rule in {place} has gid {} and sid {} too, with rev {rev}", info.gid, info.sid);
    let diagnostic = match replaces {
        true => Diagnostic::warning(Code::DuplicateSid, whole, format!("{same}, and takes the place of this one"))
            .help("take this one away"),
        false => {
            Diagnostic::error(Code::DuplicateSid, whole, same).help("give this one a sid of its own, or a higher rev")
        }
    };
    (left_out.file, left_out.fault(diagnostic))
}

impl Read {
    /// Something that is wrong with it.
    fn fault(&self, diagnostic: Diagnostic) -> Fault {
        Fault { text: self.draft.rule.info.raw.clone(), origin: self.origin.clone(), diagnostic }
    }
}

/// Rules in the order in which they are tried: by action; what leaves state before what asks for it;
/// the graver first; else as they were read.
fn in_order(read: Vec<Read>, settings: &Settings) -> Vec<Draft> {
    let levels = levels(&read);
    let mut keyed: Vec<_> = read
        .into_iter()
        .zip(levels)
        .map(|(rule, level)| {
            let class = ActionClass::of(rule.draft.rule.info.action);
            let action = settings.action_order.iter().position(|other| *other == class);
            let state = match (rule.draft.writes.is_empty(), rule.draft.reads.is_empty()) {
                (false, true) => 0,
                (false, false) => 1,
                (true, false) => 2,
                (true, true) => 3,
            };
            ((action, state, level, rule.draft.rule.info.priority), rule.draft)
        })
        .collect();
    keyed.sort_by_key(|(key, _)| *key);
    keyed.into_iter().map(|(_, draft)| draft).collect()
}

/// How many rules must come before each, along the longest chain of setting and asking; rules that wait for each
/// other are not sorted out.
fn levels(read: &[Read]) -> Vec<u32> {
    const LONGEST_CHAIN: u32 = 32;
    let mut levels = vec![0; read.len()];
    let mut written: HashMap<(Space, NameId), u32> = HashMap::new();
    for _ in 0..LONGEST_CHAIN {
        let mut changed = false;
        for (rule, level) in read.iter().zip(&mut levels) {
            let above = rule.draft.reads.iter().filter_map(|name| written.get(name)).max();
            let now = above.map_or(0, |above| (above + 1).min(LONGEST_CHAIN));
            changed |= now > *level;
            *level = now.max(*level);
            for name in &rule.draft.writes {
                let entry = written.entry(*name).or_insert(*level);
                changed |= *level > *entry;
                *entry = (*entry).max(*level);
            }
        }
        if !changed {
            break;
        }
    }
    levels
}

/// A rule's pattern, in each direction.
fn add(groups: Option<&mut [Collector; 2]>, dirs: &[Dir], pattern: &Pattern, id: RuleId) {
    let Some([request, response]) = groups else { return };
    for dir in dirs {
        let group = if *dir == Dir::ToServer { &mut *request } else { &mut *response };
        group.add(&pattern.bytes, pattern.nocase, id);
    }
}

/// A rule on transactions without a pattern.
fn always(set: &mut RuleSet, draft: &Draft, id: RuleId) {
    for proto in &draft.rule.apps {
        let Some(app) = set.apps.get_mut(proto.index()) else { continue };
        for dir in draft.dirs() {
            let [request, response] = &mut app.always;
            if dir == Dir::ToServer { request } else { response }.push(id);
        }
    }
}

/// A rule on oddities.
fn events(set: &mut RuleSet, draft: &Draft, id: RuleId) {
    for event in &draft.rule.events {
        match event {
            EventTest::Packet(anomaly) => set.anomalies.entry(*anomaly as u16).or_default().push(id),
            EventTest::Detection(_) => set.detection_events.push(id),
        }
    }
}

/// Where the pattern of a rule on payloads is searched for.
fn payload_groups(draft: &Draft) -> Vec<Payload> {
    use super::header::Carriers;
    let rule = &draft.rule;
    let mut groups = Vec::new();
    if rule.carriers.meets(Carriers::TCP) {
        if rule.kind != Kind::Packet {
            groups.push(Payload::Stream);
        }
        if rule.flow.stream != Some(true) {
            groups.push(Payload::Tcp);
        }
    }
    if rule.carriers.meets(Carriers::UDP) {
        groups.push(Payload::Udp);
    }
    let others = Carriers::ICMP4.or(Carriers::ICMP6).or(Carriers::SCTP).or(Carriers::OTHER);
    if rule.carriers.meets(others) {
        groups.push(Payload::Other);
    }
    groups
}
