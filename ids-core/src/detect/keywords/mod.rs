//! Keywords with their own logic, one row each.
//!
//! In: an option of a rule.  Out: what it means, in the [`RuleBuilder`]. Keywords that only name something to look
//! at are not here: they come from the tables of packet fields and of the protocols. A keyword stands here
//! only if it is evaluated; the rest of the language is [`NOT_YET`].
//! Source: the rules chapters of the Suricata 8 user guide.

mod app_layer;
mod bits;
mod buffers;
mod certificates;
mod config;
mod dataset;
mod events;
mod examples;
mod files;
mod flow;
mod flowint;
mod frame;
mod geoip;
mod meta;
mod not_yet;
mod reputation;
mod requires;
mod rpc;
mod tag;
pub(super) mod threshold;
mod vars;

pub use examples::EXAMPLES;
pub use files::FILE_STORE;
pub use not_yet::NOT_YET;

use super::builder::RuleBuilder;
use super::bytes::text::Part;
use crate::app::registry::ProtoId;
use crate::rules::ast::Opt;
use crate::rules::diagnostic::{Code, Diagnostic};

/// A keyword.
pub struct Keyword {
    /// Its name.
    pub name: &'static str,
    /// Other names.
    pub aliases: &'static [&'static str],
    /// Whether it takes a value.
    pub value: Takes,
    /// It may stand only once in a rule.
    pub once: bool,
    /// One sentence for the documentation.
    pub doc: &'static str,
    pub(super) apply: Apply,
}

type Apply = fn(&mut RuleBuilder<'_, '_>, &Opt) -> Result<(), Diagnostic>;

/// Whether a keyword takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It needs one.
    Value,
    /// It may have one.
    Optional,
    /// It takes none.
    Nothing,
}

/// All keywords, by name.
pub static KEYWORDS: &[Keyword] = &[
    flag("alert", meta::alert, "Tells, even where the action would not."),
    many("app-layer-event", events::app_layer, "The protocol's parser, or finding out the protocol, met this oddity."),
    many("app-layer-protocol", app_layer::protocol, "The application protocol of the flow, or of a direction of it."),
    many("app-layer-state", app_layer::state, "How far the transaction has come in its direction."),
    flag("bypass", flow::bypass, "No rule looks at the rest of the flow."),
    once("classtype", meta::classtype, "Class of the rule, which gives category and priority."),
    many("config", config::config, "Switches something off for what the rule matches on: the records of transactions."),
    many("datarep", dataset::datarep, "The number that stands with the buffer in a set."),
    many("dataset", dataset::dataset, "The buffer is in a set; or it is put there, or taken out."),
    Keyword {
        aliases: &["dce_iface"],
        ..many("dcerpc.iface", rpc::interface, "The call is of this interface; its version may be compared.")
    },
    many("decode-event", events::decoder, "The packet has this oddity."),
    once("detection_filter", threshold::detection_filter, "Matches only beyond so many hits within a time."),
    many("engine-event", events::engine, "The packet has this oddity of decoder or TCP, by its full name."),
    many("fileext", files::extension, "The name of a file ends in a dot and this."),
    many("filemd5", files::md5, "The MD5 of a file is in a list."),
    many("filemagic", files::kind, "What libmagic calls a file contains this."),
    many("filename", files::name, "The name of a file contains this."),
    many("filesha1", files::sha1, "The SHA-1 of a file is in a list."),
    many("filesha256", files::sha256, "The SHA-256 of a file is in a list."),
    many("filesize", files::size, "The size of a file."),
    Keyword {
        value: Takes::Optional,
        ..many(
            "filestore",
            files::store,
            "Files are stored: of a direction, of the match, the transaction or the flow.",
        )
    },
    once("flow", flow::flow, "Direction and state of the flow."),
    many("flowbits", bits::flowbits, "Sets or tests a bit of the flow."),
    many("flowint", flowint::flowint, "Changes or tests a number of the flow."),
    many("flowvar", vars::flowvar, "A variable captured in the flow has this value."),
    many(
        "frame",
        frame::frame,
        "The bytes of a unit of a protocol: one of the frames that `--list-app-layer-frames` lists.",
    ),
    once("gid", meta::gid, "Generator id."),
    many("hostbits", bits::hostbits, "Sets or tests a bit of a host."),
    many("geoip", geoip::geoip, "Which country an address is in, by a MaxMind database."),
    many("iprep", reputation::iprep, "What the reputation lists say of an address."),
    many("metadata", meta::metadata, "Keys and values shown with alerts."),
    once("msg", meta::msg, "What alerts say."),
    flag("noalert", meta::noalert, "Acts, but does not tell."),
    flag("pkt_data", buffers::pkt_data, "Back to the payload of packet or stream."),
    many("pktvar", vars::pktvar, "A variable captured in the packet has this value."),
    flag("prefilter", buffers::prefilter, "The test before it is a good first test."),
    once("priority", meta::priority, "Gravity, 1 is the gravest; overrides that of the class."),
    many("reference", meta::reference, "Where to read more."),
    Keyword {
        name: "requires",
        aliases: &[],
        value: Takes::Value,
        once: false,
        doc: "The rule is for engines that have this; others pass over it.",
        apply: requires::already_met,
    },
    once("rev", meta::rev, "Revision."),
    once("sid", meta::sid, "Signature id."),
    many("stream-event", events::stream, "The TCP packet has this oddity."),
    many("stream_size", flow::stream_size, "How many bytes a side of the stream has sent."),
    many("tag", tag::tag, "Packets that follow a match are shown."),
    many("target", meta::target, "Which end is the victim."),
    many("threshold", threshold::threshold, "How often the rule may tell."),
    many("tls.fingerprint", buffers::fingerprint, "Old form of a content of the certificate's fingerprint."),
    many("tls.issuerdn", buffers::issuer, "Old form of a content of the certificate's issuer."),
    Keyword {
        aliases: &["tls_store"],
        ..flag(
            "tls.store",
            certificates::store,
            "The certificates that the side has shown are stored, or the other side's.",
        )
    },
    many("tls.subject", buffers::subject, "Old form of a content of the certificate's subject."),
    many("uricontent", buffers::uricontent, "Old form of a content of the normalized URI."),
    many("urilen", buffers::urilen, "Length of the URI."),
    many("xbits", bits::xbits, "Sets or tests a bit of a host or a pair of hosts."),
];

pub(super) use requires::unmet;

/// A keyword with a value, any number of times.
const fn many(name: &'static str, apply: Apply, doc: &'static str) -> Keyword {
    Keyword { name, aliases: &[], value: Takes::Value, once: false, doc, apply }
}

/// A keyword with a value, once.
const fn once(name: &'static str, apply: Apply, doc: &'static str) -> Keyword {
    Keyword { once: true, ..many(name, apply, doc) }
}

/// A keyword without a value.
const fn flag(name: &'static str, apply: Apply, doc: &'static str) -> Keyword {
    Keyword { value: Takes::Nothing, ..many(name, apply, doc) }
}

impl Keyword {
    /// Refuses a value where none is taken, and a missing one where it is needed.
    pub(super) fn check_value(&self, opt: &Opt) -> Result<(), Diagnostic> {
        let empty = opt.value.as_ref().is_none_or(|value| value.text.is_empty());
        match self.value {
            Takes::Value if empty => {
                let message = format!("`{}` needs a value", opt.name.text);
                Err(Diagnostic::error(Code::MissingValue, opt.span.clone(), message))
            }
            Takes::Nothing if !empty => {
                let message = format!("`{}` takes no value", opt.name.text);
                Err(Diagnostic::error(Code::UnexpectedValue, opt.span.clone(), message))
            }
            Takes::Value | Takes::Nothing | Takes::Optional => Ok(()),
        }
    }
}

/// The rule is about protocols that have a field; `what` none does otherwise.
fn about(rule: &mut RuleBuilder<'_, '_>, opt: &Opt, field: &str, what: &str) -> Result<(), Diagnostic> {
    let catalog = rule.cx.catalog;
    let Some(known) = catalog.field_named(field).and_then(|id| catalog.field(id)) else {
        let message = format!("`{}` is not supported yet: no protocol here {what}", opt.name.text);
        return Err(Diagnostic::error(Code::NotSupported, opt.span.clone(), message));
    };
    let protos: Vec<ProtoId> = known.fields.iter().map(|row| row.proto).collect();
    rule.restrict_to(&protos, &opt.name.text, opt.span.clone())
}

/// A warning: the option stands a second time, and replaces the first.
fn repeated(opt: &Opt) -> Diagnostic {
    let message = format!("`{}` stands twice: the later one counts", opt.name.text);
    Diagnostic::warning(Code::Repeated, opt.span.clone(), message)
}

/// What stands between the quotes; a value without quotes is taken as it is.
fn unquoted(part: Part<'_>) -> Result<Part<'_>, Diagnostic> {
    if part.text.starts_with('"') { part.quoted() } else { Ok(part) }
}

/// An error: a word that is none of those that may stand there.
fn unknown(part: Part<'_>, words: &str) -> Diagnostic {
    part.bad(format!("`{}` is not known here", part.text)).help(format!("one of {words}"))
}
