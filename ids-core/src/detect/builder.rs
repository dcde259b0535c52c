//! A rule while it is read: what its options have said so far.
//!
//! In: options in order, from [`super::keywords`] and [`super::options`].  Out: the parts of a compiled rule,
//! which [`super::finish`] puts together.
//! Holds the buffer that the next test means: a sticky buffer stays until the next one; an old modifier means
//! the content before it alone.

use super::bytes::{ChainBuilder, ChainCx, VarNames};
use super::catalog::{Catalog, FieldId};
use super::datasets::{Registry, SetTest};
use super::header::{Carriers, Header};
use super::names::Names;
use super::packet_fields::{PacketField, PacketTest};
use super::rule::Target;
use super::rule_set::{Check, Effect, EventTest, FlowTest, StateTest};
use super::settings::Settings;
use super::threshold::Threshold;
use super::transforms::Transform;
use crate::app::registry::{self, ProtoId, Support};
use crate::field::{BytesKind, Dir, Dirs, Info, Kind};
use crate::rules::ast::{Opt, Span};
use crate::rules::diagnostic::{Code, Diagnostic};

/// What rules of one set share while they are read.
pub(super) struct Cx<'a> {
    pub(super) settings: &'a Settings,
    pub(super) catalog: &'a Catalog,
    pub(super) names: &'a mut Names,
    pub(super) datasets: &'a mut Registry,
}

/// A rule that is being read.
pub(super) struct RuleBuilder<'a, 'b> {
    pub(super) cx: &'a mut Cx<'b>,
    /// Index of the file it stands in.
    pub(super) file: usize,
    pub(super) meta: Meta,
    pub(super) header: Header,
    /// The word in the header, for messages.
    pub(super) protocol: String,
    pub(super) payload: Payload,
    pub(super) carriers: Carriers,
    /// Application protocols it can be about; `None`: any, and none at all.
    pub(super) apps: Option<Vec<ProtoId>>,
    pub(super) flow: FlowTest,
    pub(super) flow_span: Option<Span>,
    pub(super) packet: Vec<PacketTest>,
    pub(super) state: Vec<StateTest>,
    pub(super) events: Vec<EventTest>,
    pub(super) effects: Vec<Effect>,
    pub(super) threshold: Option<Threshold>,
    pub(super) conditions: Vec<Condition>,
    pub(super) noalert: bool,
    /// It tells, even where its action would not.
    pub(super) alert: bool,
    pub(super) warnings: Vec<Diagnostic>,
    pub(super) vars: VarNames,
    /// What the option before this one was.
    pub(super) last: Last,
    selected: Selection,
    /// The condition that modifiers go to: that of the latest test of bytes.
    current: Option<usize>,
}

/// What an option was, for a `prefilter` after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Last {
    /// A content or one of its modifiers.
    Content,
    /// A test that can be the first one.
    Prefilter,
    /// Anything else.
    Other,
}

/// What of a packet a rule's payload tests may look at, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Payload {
    /// Packets and streams.
    All,
    /// Packets (`tcp-pkt`).
    Packets,
    /// Streams (`tcp-stream`).
    Streams,
}

/// What alerts tell.
#[derive(Clone, Debug, Default)]
pub(super) struct Meta {
    pub(super) msg: Option<String>,
    pub(super) sid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) rev: Option<u32>,
    pub(super) classtype: Option<(String, Span)>,
    pub(super) priority: Option<u32>,
    pub(super) references: Vec<String>,
    pub(super) metadata: Vec<(String, String)>,
    pub(super) target: Option<Target>,
}

/// Something a buffer or transaction must be.
pub(super) struct Condition {
    /// The option that began it.
    pub(super) span: Span,
    /// Where it can be looked at.
    pub(super) dirs: Dirs,
    pub(super) what: What,
}

/// What a condition asks.
pub(super) enum What {
    /// Tests of bytes, and the sets that are asked when they have passed.
    Chain { place: Place, transforms: Vec<Transform>, chain: Box<ChainBuilder>, sets: Vec<SetTest> },
    /// Something else of a transaction; the number of its buffer is that of the catalog until the end.
    Check(Check, Option<FieldId>),
}

/// Where bytes come from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// The payload of packet or stream.
    Payload,
    /// A header of the packet.
    Header(&'static PacketField),
    /// A field of transactions.
    Field(FieldId),
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Payload, Self::Payload) => true,
            (Self::Header(a), Self::Header(b)) => std::ptr::eq(*a, *b),
            (Self::Field(a), Self::Field(b)) => a == b,
            _ => false,
        }
    }
}

/// The buffer that tests mean.
struct Selection {
    place: Place,
    /// `:to_server`, `:to_client`.
    dir: Option<Dir>,
    transforms: Vec<Transform>,
    /// The option that selected it; `None`: nothing was selected yet.
    span: Option<Span>,
    /// The condition that its tests go to, once there is one.
    condition: Option<usize>,
}

impl<'a, 'b> RuleBuilder<'a, 'b> {
    /// A rule without options.
    pub(super) fn new(cx: &'a mut Cx<'b>, file: usize, header: Header) -> Self {
        Self {
            cx,
            file,
            meta: Meta::default(),
            header,
            protocol: String::new(),
            payload: Payload::All,
            carriers: Carriers::ANY,
            apps: None,
            flow: FlowTest::default(),
            flow_span: None,
            packet: Vec::new(),
            state: Vec::new(),
            events: Vec::new(),
            effects: Vec::new(),
            threshold: None,
            conditions: Vec::new(),
            noalert: false,
            alert: false,
            warnings: Vec::new(),
            vars: VarNames::default(),
            selected: Selection {
                place: Place::Payload,
                dir: None,
                transforms: Vec::new(),
                span: None,
                condition: None,
            },
            last: Last::Other,
            current: None,
        }
    }

    /// From here on tests mean this buffer.
    pub(super) fn select(&mut self, place: Place, dir: Option<Dir>, span: Span) -> Result<(), Diagnostic> {
        self.check_selection_used()?;
        self.selected = Selection { place, dir, transforms: Vec::new(), span: Some(span), condition: None };
        if let Place::Field(id) = place {
            self.restrict(id, self.selected.span.clone().unwrap_or_default())?;
        }
        Ok(())
    }

    /// A sticky buffer without tests is a mistake.
    pub(super) fn check_selection_used(&self) -> Result<(), Diagnostic> {
        let selected = &self.selected;
        match &selected.span {
            Some(span) if selected.condition.is_none() && selected.place != Place::Payload => {
                Err(Diagnostic::error(Code::NoContext, span.clone(), "the buffer is selected, but nothing looks at it")
                    .label("no test follows")
                    .help("put a `content` or another test after it"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a sticky buffer is selected.
    pub(super) fn is_sticky(&self) -> bool {
        self.selected.span.is_some() && self.selected.place != Place::Payload
    }

    /// Whether tests mean this field already.
    pub(super) fn is_selected(&self, field: FieldId) -> bool {
        self.selected.place == Place::Field(field)
    }

    /// Adds a transform to the selected buffer: the tests that follow see it applied, those before do not.
    pub(super) fn transform(&mut self, transform: Transform, opt: &Opt) -> Result<(), Diagnostic> {
        let name = &opt.name.text;
        if !self.is_sticky() {
            return Err(Diagnostic::error(
                Code::NoContext,
                opt.span.clone(),
                format!("`{name}` has no buffer to change"),
            )
            .help(format!("put a sticky buffer such as `http.uri;` before `{name}`")));
        }
        self.selected.transforms.push(transform);
        self.selected.condition = None;
        Ok(())
    }

    /// Takes an option that tests bytes of the selected buffer.
    pub(super) fn test(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        let at = self.selected_condition(opt);
        self.current = Some(at);
        self.test_in(at, opt)
    }

    /// Takes an option that asks a set for the selected buffer, which must be sticky.
    pub(super) fn test_set(&mut self, test: SetTest, opt: &Opt) -> Result<(), Diagnostic> {
        if !self.is_sticky() {
            let message = format!("`{}` has no buffer to look for in the set", opt.name.text);
            return Err(Diagnostic::error(Code::NoContext, opt.span.clone(), message)
                .help(format!("put a sticky buffer such as `http.host;` before `{}`", opt.name.text)));
        }
        let at = self.selected_condition(opt);
        if let Some(What::Chain { sets, .. }) = self.conditions.get_mut(at).map(|condition| &mut condition.what) {
            sets.push(test);
        }
        Ok(())
    }

    /// The condition on the selected buffer, made if this is its first test.
    fn selected_condition(&mut self, opt: &Opt) -> usize {
        if let Some(at) = self.selected.condition {
            return at;
        }
        let selected = &self.selected;
        let span = selected.span.clone().unwrap_or_else(|| opt.span.clone());
        let at = self.condition(selected.place, selected.dir, selected.transforms.clone(), span);
        self.selected.condition = Some(at);
        at
    }

    /// Takes a relative test: without a sticky buffer it goes on where the latest test was.
    pub(super) fn test_relative(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        match self.current {
            Some(at) if !self.is_sticky() => self.test_in(at, opt),
            _ => self.test(opt),
        }
    }

    /// From here on tests mean what the latest `base64_decode` decodes.
    pub(super) fn select_decoded(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        let (Some(at), Some(place)) = (self.current, self.current_place()) else {
            let message = "nothing was decoded before";
            return Err(
                Diagnostic::error(Code::NoContext, opt.span.clone(), message).help("put `base64_decode` before it")
            );
        };
        if self.selected.condition != Some(at) {
            let span = Some(opt.span.clone());
            self.selected = Selection { place, dir: None, transforms: Vec::new(), span, condition: Some(at) };
        }
        self.test_in(at, opt)
    }

    /// Takes an option that modifies the latest test.
    pub(super) fn modify(&mut self, opt: &Opt) -> Result<(), Diagnostic> {
        match self.current {
            Some(at) => self.test_in(at, opt),
            None => {
                let message = format!("`{}` has no content before it to modify", opt.name.text);
                Err(Diagnostic::error(Code::NoContext, opt.span.clone(), message).help("put it after a `content`"))
            }
        }
    }

    /// The buffer of the latest test.
    pub(super) fn current_place(&self) -> Option<Place> {
        match self.conditions.get(self.current?).map(|condition| &condition.what) {
            Some(What::Chain { place, .. }) => Some(*place),
            _ => None,
        }
    }

    /// Takes an option that tests bytes of another buffer than the selected one, which stays selected.
    pub(super) fn test_elsewhere(&mut self, field: FieldId, opt: &Opt) -> Result<(), Diagnostic> {
        self.restrict(field, opt.span.clone())?;
        let at = self.condition(Place::Field(field), None, Vec::new(), opt.span.clone());
        self.current = Some(at);
        self.test_in(at, opt)
    }

    fn test_in(&mut self, at: usize, opt: &Opt) -> Result<(), Diagnostic> {
        let limits = &self.cx.settings.limits;
        let mut cx = ChainCx { vars: &mut self.vars, warnings: &mut self.warnings, limits };
        match self.conditions.get_mut(at).map(|condition| &mut condition.what) {
            Some(What::Chain { chain, .. }) => chain.option(opt, &mut cx),
            _ => Ok(()),
        }
    }

    /// The condition on these bytes: an earlier one where the rule comes back to the same, else a new one. Each
    /// block of a buffer with several instances is one of its own.
    fn condition(&mut self, place: Place, dir: Option<Dir>, transforms: Vec<Transform>, span: Span) -> usize {
        let info = self.info(place);
        let dirs = match dir {
            Some(Dir::ToServer) => Dirs::ToServer,
            Some(Dir::ToClient) => Dirs::ToClient,
            None => self.dirs(place),
        };
        let same = |condition: &Condition| match &condition.what {
            What::Chain { place: other, transforms: others, .. } => {
                *other == place
                    && condition.dirs == dirs
                    && others.len() == transforms.len()
                    && others.iter().zip(&transforms).all(|(a, b)| a.same(b))
            }
            What::Check(..) => false,
        };
        let multi = info.is_some_and(|info| info.multi);
        if !multi && let Some(at) = self.conditions.iter().position(same) {
            if let Some(What::Chain { chain, .. }) = self.conditions.get_mut(at).map(|known| &mut known.what) {
                chain.leave_decoded();
            }
            return at;
        }
        let kind = match info.map(|info| info.kind) {
            Some(Kind::Bytes(kind)) if transforms.is_empty() => kind,
            // What a transform yields may have any case.
            Some(Kind::Bytes(kind)) => BytesKind { lowercase: false, ..kind },
            _ => BytesKind::PLAIN,
        };
        let mut chain = Box::new(ChainBuilder::new(kind));
        chain.transformed(&transforms);
        if place == Place::Payload {
            chain.isolate();
        }
        let what = What::Chain { place, transforms, chain, sets: Vec::new() };
        self.conditions.push(Condition { span, dirs, what });
        self.conditions.len() - 1
    }

    fn info(&self, place: Place) -> Option<&'static Info> {
        match place {
            Place::Field(id) => self.cx.catalog.field(id).map(|field| field.info),
            Place::Payload | Place::Header(_) => None,
        }
    }

    /// Where the protocols that the rule is about have it.
    fn dirs(&self, place: Place) -> Dirs {
        let Place::Field(id) = place else { return Dirs::Both };
        let known = self.cx.catalog.field(id);
        let wanted = |proto| self.apps.as_ref().is_none_or(|apps| apps.contains(&proto));
        known.map_or(Dirs::Both, |known| known.dirs_in(wanted))
    }

    /// Adds a condition on transactions that is no test of bytes.
    pub(super) fn check(&mut self, check: Check, field: Option<FieldId>, dirs: Dirs, span: Span) {
        self.conditions.push(Condition { span, dirs, what: What::Check(check, field) });
    }

    /// The rule is about protocols that have this field.
    pub(super) fn restrict(&mut self, field: FieldId, span: Span) -> Result<(), Diagnostic> {
        let Some(field) = self.cx.catalog.field(field) else { return Ok(()) };
        let having: Vec<_> = field.fields.iter().map(|row| row.proto).collect();
        let name = field.info.name;
        if self.cx.settings.unmade.contains(&name) {
            let message = format!("`{name}` is turned off in the configuration");
            return Err(Diagnostic::error(Code::Protocol, span, message));
        }
        self.restrict_to(&having, name, span)
    }

    /// Refuses what asks for a protocol's states where it is not parsed.
    pub(super) fn parsed(&self, span: &Span) -> Result<(), Diagnostic> {
        let apps = || self.apps.iter().flatten().copied();
        match apps().next() {
            Some(first) if apps().all(|id| registry::support(id) != Support::Parsed) => {
                let message = format!("`{}` is not parsed yet", first.name());
                Err(Diagnostic::error(Code::NotSupported, span.clone(), message))
            }
            _ => Ok(()),
        }
    }

    /// The rule is about these protocols.
    pub(super) fn restrict_to(&mut self, protos: &[ProtoId], what: &str, span: Span) -> Result<(), Diagnostic> {
        let disabled = &self.cx.settings.disabled;
        let enabled: Vec<_> = protos.iter().copied().filter(|id| !disabled.contains(id)).collect();
        if enabled.is_empty() {
            let message = format!("the protocol of `{what}` is disabled");
            return Err(Diagnostic::error(Code::Protocol, span, message)
                .help("enable it under `app-layer.protocols` in the configuration"));
        }
        let kept = match &self.apps {
            None => enabled,
            Some(apps) => apps.iter().copied().filter(|id| enabled.contains(id)).collect(),
        };
        if kept.is_empty() {
            self.parsed(&span)?;
            let message = format!("`{what}` does not go with the other protocols of the rule");
            return Err(Diagnostic::error(Code::WrongProtocol, span, message)
                .help(format!("the header says `{}`", self.protocol)));
        }
        self.apps = Some(kept);
        Ok(())
    }

    /// Only packets that these carry can match.
    pub(super) fn restrict_carriers(&mut self, carriers: Carriers, span: &Span) -> Result<(), Diagnostic> {
        let kept = self.carriers.and(carriers);
        if kept.is_empty() {
            let message = format!("this does not go with `{}`", self.protocol);
            return Err(Diagnostic::error(Code::WrongProtocol, span.clone(), message));
        }
        self.carriers = kept;
        Ok(())
    }
}
