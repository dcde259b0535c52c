//! A rule that was read → a rule that can be matched, with its fast pattern and its place in the order.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;

use super::advice;
use super::builder::{Condition, Payload, Place, RuleBuilder, What};
use super::bytes::{Chain, ChainCx, PatternInfo};
use super::catalog::{Catalog, FieldId};
use super::fast_pattern::{self, Prefilter};
use super::names::{NameId, Space};
use super::packet_fields::Predicate;
use super::read_header::carriers_of;
use super::rule::{Action, RuleInfo};
use super::rule_set::{Check, Compiled, Effect, HeaderTest, Inspection, Kind, Operand, Scope, StateTest, Which};
use super::settings::{BlockOn, Settings};
use super::tables::Entry;
use super::transforms::Transform;
use crate::field::{self, Dir, Dirs};
use crate::rules::ast::{Direction, Rule};
use crate::rules::diagnostic::{Code, Diagnostic};

/// Most conditions of one rule: each has a bit in what transactions remember.
const MAX_CONDITIONS: usize = 64;
/// Priority of rules that say nothing of it.
const DEFAULT_PRIORITY: u32 = 3;

/// A finished rule that has no number yet.
pub(super) struct Draft {
    pub(super) rule: Arc<Compiled>,
    pub(super) prefilter: Prefilter,
    /// What it asks of earlier rules, and what it leaves for later ones.
    pub(super) reads: Vec<(Space, NameId)>,
    pub(super) writes: Vec<(Space, NameId)>,
}

impl Draft {
    /// What a compiled rule needs to get its place in a set.
    pub(super) fn of(rule: Arc<Compiled>, buffers: &Buffers, catalog: &Catalog) -> Self {
        let rank = |buffer: u16| {
            let field = buffers.0.get(usize::from(buffer)).and_then(|row| catalog.field(row.0));
            field.map_or(field::BytesKind::PLAIN.rank, |field| field.info.rank())
        };
        let prefilter = fast_pattern::prefilter(&rule, &rank);
        let (reads, writes) = (reads(&rule.state, &rule.effects), writes(&rule.effects));
        Self { rule, prefilter, reads, writes }
    }
}

/// Buffers that rules look at, each once; the numbers last as long as the loader.
#[derive(Default)]
pub(super) struct Buffers(pub(super) Vec<(FieldId, Box<[Transform]>)>);

impl Buffers {
    fn number(&mut self, field: FieldId, transforms: Vec<Transform>) -> u16 {
        let same = |(other, others): &(FieldId, Box<[Transform]>)| {
            *other == field
                && others.len() == transforms.len()
                && others.iter().zip(&transforms).all(|(a, b)| a.same(b))
        };
        let at = self.0.iter().position(same).unwrap_or_else(|| {
            self.0.push((field, transforms.into()));
            self.0.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }
}

/// What the conditions of a rule come to.
#[derive(Default)]
struct Parts {
    payload: Option<Chain>,
    headers: Vec<HeaderTest>,
    inspections: Vec<Inspection>,
}

impl Parts {
    /// Adds an inspection; what is asked of files in one direction is asked of one file.
    fn inspect(&mut self, dir: Option<Dir>, check: Check) {
        let same = self.inspections.iter_mut().filter(|inspection| inspection.dir == dir);
        let tests = same.filter_map(|inspection| match &mut inspection.check {
            Check::File(tests) => Some(tests),
            _ => None,
        });
        match (check, tests.last()) {
            (Check::File(more), Some(tests)) => tests.extend(more),
            (check, _) => self.inspections.push(Inspection { dir, check }),
        }
    }

    /// Whether either direction shows all that is asked for alike.
    fn are_alike(&self, buffers: &Buffers, catalog: &Catalog) -> bool {
        let exchange = |number: u16| {
            let field = buffers.0.get(usize::from(number)).and_then(|row| catalog.field(row.0));
            field.is_some_and(|known| known.info.exchange)
        };
        self.inspections.iter().all(|inspection| match inspection.check {
            Check::Event(_) => true,
            Check::Bytes { buffer, .. } | Check::Number { buffer, .. } => exchange(buffer),
            Check::Payload(_) | Check::File(_) | Check::State(..) => false,
        })
    }
}

/// Puts a rule together.
pub(super) fn finish(
    mut builder: RuleBuilder<'_, '_>,
    ast: Rule,
    action: Action,
    scope: Option<Scope>,
    buffers: &mut Buffers,
) -> Result<(Draft, Vec<Diagnostic>), Vec<Diagnostic>> {
    if builder.meta.sid.is_none() {
        let fault = Diagnostic::error(Code::MissingSid, 0..ast.text.len(), "the rule has no `sid`");
        return Err(vec![fault.help("give it a number of its own: `sid:1000001;`")]);
    }
    if builder.payload == Payload::Streams {
        builder.flow.stream = Some(true);
    }
    let transactional = ast.direction == Direction::Transaction;
    direction(&mut builder, &ast, transactional).map_err(|fault| vec![fault])?;
    if let Some(apps) = &builder.apps {
        let carriers = carriers_of(apps);
        builder.restrict_carriers(carriers, &ast.protocol.span).map_err(|fault| vec![fault])?;
    }
    let conditions = std::mem::take(&mut builder.conditions);
    let mut parts = conditions_of(&mut builder, conditions, transactional, buffers)?;
    fits(&builder, &ast, &parts).map_err(|fault| vec![fault])?;
    if parts.inspections.is_empty() && builder.effects.iter().any(|effect| matches!(effect, Effect::Store(_))) {
        // It matches when there is a file.
        parts.inspect(None, Check::File(Vec::new()));
    }
    let on_frames = frames_only(&builder, &ast, &parts, buffers).map_err(|fault| vec![fault])?;
    let kind = if on_frames { Kind::Frame } else { kind_of(&builder, &ast, &parts) };
    if !kind.on_packets()
        && let Some(chain) = parts.payload.take()
    {
        parts.inspections.push(Inspection { dir: None, check: Check::Payload(chain) });
    }
    if parts.inspections.len() > MAX_CONDITIONS {
        let message = format!("the rule looks at more than {MAX_CONDITIONS} buffers");
        return Err(vec![Diagnostic::error(Code::TooLong, 0..ast.text.len(), message)]);
    }
    let mut warnings = std::mem::take(&mut builder.warnings);
    warnings.extend(advice::of_packets(&builder.packet, &builder.state, &ast));
    warnings.extend(advice::of_lengths(&parts.inspections, buffers, builder.cx.catalog, &ast));
    let (settings, catalog) = (builder.cx.settings, builder.cx.catalog);
    let undirected = transactional || builder.flow.dir.is_none() && parts.are_alike(buffers, catalog);
    let info = info(&builder, ast, action);
    let identity = identity(&info);
    let mut rule = Compiled {
        kind,
        scope,
        noalert: builder.noalert || matches!(info.action, Action::Pass | Action::Config) && !builder.alert,
        carriers: builder.carriers,
        header: builder.header,
        apps: builder.apps.unwrap_or_default().into(),
        flow: builder.flow,
        packet: builder.packet.into(),
        state: builder.state.into(),
        events: builder.events.into(),
        payload: parts.payload,
        headers: parts.headers.into(),
        inspections: parts.inspections.into(),
        transactional,
        undirected,
        effects: builder.effects.into(),
        threshold: builder.threshold,
        rate: None,
        suppress: Box::default(),
        identity,
        info,
    };
    apply_global(&mut rule, settings);
    Ok((Draft::of(Arc::new(rule), buffers, catalog), warnings))
}

/// Which direction the rule is inspected in, from `flow`, hooks and buffers.
fn direction(builder: &mut RuleBuilder<'_, '_>, ast: &Rule, transactional: bool) -> Result<(), Diagnostic> {
    let only = |dirs: Dirs| match dirs {
        Dirs::ToServer => Some(Dir::ToServer),
        Dirs::ToClient => Some(Dir::ToClient),
        Dirs::Both => None,
    };
    if transactional {
        return both_sides(builder, ast);
    }
    for condition in &builder.conditions {
        let Some(dir) = only(condition.dirs) else { continue };
        match builder.flow.dir {
            None => builder.flow.dir = Some(dir),
            Some(other) if other == dir => {}
            Some(other) => {
                let message = format!("this is seen {}, the rule is about {}", dir.name(), other.name());
                return Err(Diagnostic::error(Code::WrongDirection, condition.span.clone(), message)
                    .help("conditions on request and response together need `=>` in place of `->`"));
            }
        }
    }
    Ok(())
}

/// `=>` rules name the side of each condition, and look at both.
fn both_sides(builder: &RuleBuilder<'_, '_>, ast: &Rule) -> Result<(), Diagnostic> {
    let fault = |span, message: &str| Diagnostic::error(Code::WrongDirection, span, message);
    for condition in &builder.conditions {
        let payload = matches!(condition.what, What::Chain { place: Place::Payload | Place::Header(_), .. });
        if payload {
            return Err(fault(condition.span.clone(), "a `=>` rule looks at transactions alone"));
        }
        if condition.dirs == Dirs::Both {
            return Err(fault(condition.span.clone(), "both sides have this: a `=>` rule must say which is meant")
                .help("write `:to_server` or `:to_client` after it"));
        }
    }
    if builder.flow.dir.is_some() {
        let span = builder.flow_span.clone().unwrap_or_default();
        return Err(fault(span, "a `=>` rule has both directions"));
    }
    let has = |dirs| builder.conditions.iter().any(|condition| condition.dirs == dirs);
    if has(Dirs::ToServer) && has(Dirs::ToClient) {
        return Ok(());
    }
    Err(fault(0..ast.text.len(), "a `=>` rule needs conditions on both sides").help("write `->` for one side"))
}

/// Builds all chains and gives buffers their numbers.
fn conditions_of(
    builder: &mut RuleBuilder<'_, '_>,
    conditions: Vec<Condition>,
    transactional: bool,
    buffers: &mut Buffers,
) -> Result<Parts, Vec<Diagnostic>> {
    let (mut parts, mut faults) = (Parts::default(), Vec::new());
    for condition in conditions {
        let dir = match condition.dirs {
            Dirs::ToServer if transactional => Some(Dir::ToServer),
            Dirs::ToClient if transactional => Some(Dir::ToClient),
            _ => None,
        };
        match condition.what {
            What::Check(mut check, field) => {
                if let (Check::Number { buffer, .. }, Some(field)) = (&mut check, field) {
                    *buffer = buffers.number(field, Vec::new());
                }
                parts.inspect(dir, check);
            }
            What::Chain { place, transforms, chain, sets } => {
                let limits = &builder.cx.settings.limits;
                let mut cx = ChainCx { vars: &mut builder.vars, warnings: &mut builder.warnings, limits };
                match chain.build(&mut cx) {
                    Err(found) => faults.extend(found),
                    Ok(chain) => match place {
                        Place::Payload => parts.payload = Some(chain),
                        Place::Header(field) => {
                            let (transforms, sets) = (transforms.into(), sets.into());
                            parts.headers.push(HeaderTest { field, transforms, chain, sets });
                        }
                        Place::Field(field) => {
                            let buffer = buffers.number(field, transforms);
                            let check = Check::Bytes { buffer, chain, sets: sets.into() };
                            parts.inspections.push(Inspection { dir, check });
                        }
                    },
                }
            }
        }
    }
    if faults.is_empty() { Ok(parts) } else { Err(faults) }
}

/// Refuses a packet size that the payload tests cannot fit into.
fn fits(builder: &RuleBuilder<'_, '_>, ast: &Rule, parts: &Parts) -> Result<(), Diagnostic> {
    let Some(chain) = &parts.payload else { return Ok(()) };
    for test in builder.packet.iter().filter(|test| test.field.name == "dsize") {
        let Predicate::Integer(size) = &test.predicate else { continue };
        let largest = size.bounds().1;
        if chain.min_len() > largest {
            let message = format!("`dsize` allows {largest} bytes at most, the contents need {}", chain.min_len());
            let opt = ast.options.iter().find(|opt| opt.name.text == "dsize");
            let span = opt.map_or(0..ast.text.len(), |opt| opt.span.clone());
            return Err(Diagnostic::error(Code::Impossible, span, message));
        }
    }
    Ok(())
}

/// Whether the rule looks at frames. It does so at one kind of them, and at no transactions besides.
fn frames_only(
    builder: &RuleBuilder<'_, '_>,
    ast: &Rule,
    parts: &Parts,
    buffers: &Buffers,
) -> Result<bool, Diagnostic> {
    let field = |inspection: &Inspection| buffers.0.get(usize::from(inspection.buffer()?)).map(|row| row.0);
    let is_frame = |id: &FieldId| builder.cx.catalog.field(*id).is_some_and(|known| known.frame);
    let Some(frame) = parts.inspections.iter().filter_map(field).find(is_frame) else { return Ok(false) };
    if parts.inspections.iter().all(|inspection| field(inspection) == Some(frame)) && builder.events.is_empty() {
        return Ok(true);
    }
    let opt = ast.options.iter().find(|opt| opt.name.text == "frame");
    let span = opt.map_or(0..ast.text.len(), |opt| opt.span.clone());
    let message = "a rule on a frame cannot look at frames of another kind, at transactions or at events yet";
    Err(Diagnostic::error(Code::NotSupported, span, message).help("write a rule for each, and join them by `flowbits`"))
}

/// When the rule is looked at.
fn kind_of(builder: &RuleBuilder<'_, '_>, ast: &Rule, parts: &Parts) -> Kind {
    let flow = &builder.flow;
    if !parts.inspections.is_empty() {
        return Kind::Transaction;
    }
    if let Some(payload) = &parts.payload {
        // What a packet is changed into must not depend on what came before it.
        let on_packets = builder.payload == Payload::Packets || flow.stream == Some(false) || payload.replaces();
        let placed = |info: PatternInfo<'_>| info.offset.is_some() || info.depth.is_some();
        return if flow.stream == Some(true) {
            Kind::Stream
        } else if on_packets || !builder.packet.is_empty() || !builder.events.is_empty() || !parts.headers.is_empty() {
            Kind::Packet
        } else if payload.patterns().any(placed) {
            Kind::PacketAndStream
        } else {
            Kind::Stream
        };
    }
    let on_packet = !builder.packet.is_empty() || !parts.headers.is_empty();
    let bare = !on_packet && builder.flow_span.is_none();
    let stateless = builder.state.is_empty();
    let on_addresses = builder.state.iter().all(|test| matches!(test, StateTest::Reputation(_)));
    if !builder.events.is_empty() {
        return if bare && stateless { Kind::Event } else { Kind::Packet };
    }
    let on_protocol = |test: &StateTest| match test {
        StateTest::Protocol { which, .. } => *which != Which::Unknown,
        _ => false,
    };
    let about_state = flow.established.is_some() || flow.defragmented.is_some();
    if !on_packet && !about_state && !stateless && builder.state.iter().all(on_protocol) {
        return Kind::Protocol;
    }
    // Negated addresses are looked at packet by packet.
    let negated = || [&ast.src, &ast.dst].iter().any(|word| negates(&word.text, builder.cx.settings));
    match &builder.apps {
        Some(_) if bare && (stateless || !on_addresses) => Kind::App,
        None if bare && on_addresses && !negated() => Kind::Addresses,
        _ => Kind::Packet,
    }
}

fn negates(expression: &str, settings: &Settings) -> bool {
    let in_variable = || {
        let name = expression.strip_prefix('$')?;
        Some(settings.vars.addresses.get(name)?.contains('!'))
    };
    expression.contains('!') || in_variable().unwrap_or(false)
}

fn info(builder: &RuleBuilder<'_, '_>, ast: Rule, action: Action) -> RuleInfo {
    let (meta, settings) = (&builder.meta, builder.cx.settings);
    let class = meta.classtype.as_ref().and_then(|(name, _)| settings.classes.get(name));
    let mut info = RuleInfo {
        sid: meta.sid.unwrap_or_default(),
        gid: meta.gid.unwrap_or(1),
        rev: meta.rev.unwrap_or_default(),
        msg: meta.msg.clone().unwrap_or_default(),
        classtype: meta.classtype.as_ref().map(|(name, _)| name.clone()).unwrap_or_default(),
        category: class.map(|class| class.description.clone()).unwrap_or_default(),
        priority: meta.priority.or(class.map(|class| class.priority)).unwrap_or(DEFAULT_PRIORITY),
        action,
        references: meta.references.clone(),
        metadata: meta.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        target: meta.target,
        raw: ast.text,
        block: None,
    };
    if matches!(action, Action::Drop | Action::Reject(_)) {
        let applies = |on: &BlockOn| match on {
            BlockOn::Class(name) => name.eq_ignore_ascii_case(&info.classtype),
            BlockOn::Sid(sid) => *sid == info.sid,
            BlockOn::Priority(priority) => info.priority <= *priority,
        };
        info.block = settings.blocks.iter().find(|(on, _)| applies(on)).map(|(_, block)| *block);
    }
    info
}

fn identity(info: &RuleInfo) -> u64 {
    let mut hasher = DefaultHasher::new();
    let options = info.raw.find('(').and_then(|at| info.raw.get(at..)).unwrap_or_default();
    (info.gid, info.sid, info.rev, options).hash(&mut hasher);
    hasher.finish()
}

/// What the global threshold file says of the rule; of several thresholds the last counts.
fn apply_global(rule: &mut Compiled, settings: &Settings) {
    let mut suppress = Vec::new();
    for entry in settings.thresholds.of(rule.info.gid, rule.info.sid) {
        match entry {
            Entry::Threshold(threshold) => rule.threshold = Some(*threshold),
            Entry::Rate(rate) => rule.rate = Some(Box::new(*rate)),
            Entry::Suppress(one) => suppress.push(one.clone()),
        }
    }
    rule.suppress = suppress.into();
}

fn reads(tests: &[StateTest], effects: &[Effect]) -> Vec<(Space, NameId)> {
    let mut out = Vec::new();
    for test in tests {
        match test {
            StateTest::Flowbit { any, .. } => out.extend(any.iter().map(|name| (Space::Flowbit, *name))),
            StateTest::Flowint { name, value, .. } => {
                out.push((Space::Flowint, *name));
                out.extend(operand(*value));
            }
            StateTest::FlowintSet { name, .. } => out.push((Space::Flowint, *name)),
            StateTest::Xbit { name, .. } => out.push((Space::Xbit, *name)),
            StateTest::Hostbit { name, .. } => out.push((Space::Hostbit, *name)),
            StateTest::Protocol { .. }
            | StateTest::StreamSize { .. }
            | StateTest::FlowStart
            | StateTest::Reputation(_)
            | StateTest::Country(_)
            | StateTest::Var { .. } => {}
        }
    }
    for effect in effects {
        if let Effect::Flowint { value, .. } = effect {
            out.extend(operand(*value));
        }
    }
    out
}

fn operand(value: Operand) -> Option<(Space, NameId)> {
    match value {
        Operand::Flowint(name) => Some((Space::Flowint, name)),
        Operand::Value(_) => None,
    }
}

fn writes(effects: &[Effect]) -> Vec<(Space, NameId)> {
    let name = |effect: &Effect| match effect {
        Effect::Flowbit { name, .. } => Some((Space::Flowbit, *name)),
        Effect::Flowint { name, .. } => Some((Space::Flowint, *name)),
        Effect::Xbit { name, .. } => Some((Space::Xbit, *name)),
        Effect::Hostbit { name, .. } => Some((Space::Hostbit, *name)),
        Effect::Bypass | Effect::Unrecorded(_) | Effect::Tag(_) | Effect::Store(_) | Effect::Certificates => None,
    };
    effects.iter().filter_map(name).collect()
}

impl Draft {
    /// Which directions of transactions the rule is inspected in.
    pub(super) fn dirs(&self) -> SmallVec<[Dir; 2]> {
        match (self.rule.transactional, self.rule.flow.dir) {
            (true, _) | (false, None) => SmallVec::from_slice(&Dir::BOTH),
            (false, Some(dir)) => SmallVec::from_slice(&[dir]),
        }
    }
}
