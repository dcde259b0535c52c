//! The record of a fragment.

use super::fields::INDICATIONS;
use super::layout::{Kind, Part};
use super::link::control;
use super::objects::{self, Content, Object};
use super::session::{Message, function};
use crate::record::{Shape, Writer};

/// Points of a fragment that are shown.
const MOST_SHOWN: usize = 1024;

/// Bits of the octet that a fragment begins with (IEEE 1815 §4.2.2.4).
mod application {
    pub(super) const FIR: u8 = 0x80;
    pub(super) const FIN: u8 = 0x40;
    pub(super) const CON: u8 = 0x20;
    pub(super) const UNS: u8 = 0x10;
    pub(super) const SEQUENCE: u8 = 0x0f;
}

/// Writes a fragment.
pub(super) fn write(message: &Message, out: &mut dyn Writer) {
    let kind = match message.function {
        function::UNSOLICITED => "unsolicited_response",
        function::RESPONSE.. => "response",
        _ => "request",
    };
    out.text("type", kind.as_bytes());
    let link = message.link.control;
    out.open("control", Shape::Object);
    for (name, bit) in [("dir", control::DIR), ("pri", control::PRI), ("fcb", control::FCB), ("fcv", control::FCV)] {
        out.flag(name, link & bit != 0);
    }
    out.uint("function_code", (link & control::FUNCTION).into());
    out.close();
    out.uint("src", message.link.source.into());
    out.uint("dst", message.link.destination.into());
    out.open("application", Shape::Object);
    out.open("control", Shape::Object);
    for (name, bit) in
        [("fir", application::FIR), ("fin", application::FIN), ("con", application::CON), ("uns", application::UNS)]
    {
        out.flag(name, message.control & bit != 0);
    }
    out.uint("sequence", (message.control & application::SEQUENCE).into());
    out.close();
    out.uint("function_code", message.function.into());
    if !message.objects.is_empty() {
        out.open("objects", Shape::List);
        let mut left = MOST_SHOWN;
        message.objects.iter().for_each(|one| object(one, message.content(), &mut left, out));
        out.close();
    }
    out.flag("complete", true);
    out.close();
    if let Some(indications) = message.indications.filter(|indications| *indications != 0) {
        out.open("iin", Shape::Object);
        out.open("indicators", Shape::List);
        let set = INDICATIONS.iter().filter(|(_, bit)| u64::from(indications) & bit != 0);
        set.for_each(|(name, _)| out.text("", name.as_bytes()));
        out.close();
        out.close();
    }
}

/// Writes an object, and its points as far as some are `left` to show.
fn object(object: &Object, content: &[u8], left: &mut usize, out: &mut dyn Writer) {
    out.open("", Shape::Object);
    out.uint("group", object.group.into());
    out.uint("variation", object.variation.into());
    out.uint("qualifier", object.qualifier.into());
    out.uint("prefix_code", object.prefix_code().into());
    out.uint("range_code", object.range_code().into());
    out.uint("start", object.start.into());
    out.uint("stop", object.stop.into());
    out.uint("count", object.count.into());
    let mut points = object.points(content).take(*left).peekable();
    if points.peek().is_some() {
        out.open("points", Shape::List);
        for point in points {
            *left -= 1;
            out.open("", Shape::Object);
            out.uint("prefix", point.prefix.into());
            out.uint("index", point.index.into());
            if let Some(size) = point.size {
                out.uint("size", size.into());
            }
            match point.content {
                Content::Bits(state) => out.uint("state", state.into()),
                Content::Octets(bytes) => out.text("data", bytes),
                Content::Parts(parts, bytes) => {
                    objects::parts(parts, bytes).for_each(|(part, bytes)| value(part, bytes, out));
                }
            }
            out.close();
        }
        out.close();
    }
    out.close();
}

/// Writes part of a point.
fn value((name, kind): Part, bytes: &[u8], out: &mut dyn Writer) {
    let raw = objects::unsigned(bytes);
    match kind {
        Kind::Flags(bits) => {
            let mut at = 0;
            for (name, width) in bits {
                out.uint(name, raw >> at & ((1 << width) - 1));
                at += width;
            }
        }
        Kind::Unsigned(_) => out.uint(name, raw),
        Kind::Signed(2) => out.int(name, ((raw & 0xffff) as u16).cast_signed().into()),
        Kind::Signed(_) => out.int(name, ((raw & 0xffff_ffff) as u32).cast_signed().into()),
        Kind::Float(4) => out.float(name, f32::from_bits((raw & 0xffff_ffff) as u32).into()),
        Kind::Float(_) => out.float(name, f64::from_bits(raw)),
        Kind::Rest => out.text(name, bytes),
    }
}
