//! fast.log: one line an alert.
//!
//! `01/02/2026-03:04:05.123456  [**] [1:1000001:1] msg [**] [Classification: c] [Priority: 3] {TCP} a:1 -> b:2`

use std::io::Write as _;

use ids_core::detect::rule::Action;
use ids_core::event::{Alert, Event};

use super::lines::{Kind, Lines};
use super::names;
use super::sink::Output;
use super::timestamp::Stamps;

/// The output.
#[derive(Debug, Default)]
pub struct Fast {
    stamps: Stamps,
}

impl Output for Fast {
    fn event(&mut self, event: &Event<'_>, lines: &mut Lines) {
        if let Event::Alert(alert) = event {
            lines.add(Kind::Alert, |out| {
                self.stamps.fast(out, alert.context.time);
                line(alert, out).expect("memory can be written to");
            });
        }
    }
}

fn line(alert: &Alert<'_>, out: &mut Vec<u8>) -> std::io::Result<()> {
    let (rule, at) = (alert.rule, &alert.context);
    out.extend_from_slice(match (alert.blocked, rule.action) {
        (true, _) => b"  [Drop] [**] ",
        (false, Action::Drop | Action::Reject(_)) => b"  [wDrop] [**] ",
        (false, _) => b"  [**] ",
    });
    let class = if rule.category.is_empty() { "(null)" } else { &rule.category };
    write!(out, "[{}:{}:{}] {} [**] ", rule.gid, rule.sid, rule.rev, rule.msg)?;
    write!(out, "[Classification: {class}] [Priority: {}] {{", rule.priority)?;
    if let Some(proto) = at.proto {
        names::proto(proto, out);
    }
    let (source_port, destination_port) =
        at.icmp.map_or((at.src_port, at.dst_port), |(kind, code)| (kind.into(), code.into()));
    let (Some(src), Some(dst)) = (at.src, at.dst) else { return writeln!(out, "}} no addresses") };
    out.extend_from_slice(b"} ");
    names::addr(src, out);
    write!(out, ":{source_port} -> ")?;
    names::addr(dst, out);
    writeln!(out, ":{destination_port}")
}
