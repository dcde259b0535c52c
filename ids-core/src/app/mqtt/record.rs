//! The record of an exchange: one object for each message.

use super::message::{Connect, Content, Message, connect_flag, head_flag, kind};
use super::property::{Properties, Property};
use crate::app::parser::Detail;
use crate::record::{Shape, Writer};

/// Bytes of a text that are shown where the configuration does not say (`string-log-limit`).
const USUAL_LIMIT: usize = 1024;

/// Whether records have an object for a message.
pub(super) fn is_shown(message: &Message) -> bool {
    !matches!(message.kind(), kind::UNASSIGNED | kind::AUTH)
}

/// Writes the messages, the first of each type.
pub(super) fn write(messages: &[Message], detail: &Detail<'_>, out: &mut dyn Writer) {
    let mut written = 0_u16;
    for message in messages.iter().filter(|message| is_shown(message)) {
        let kind = message.kind();
        let Some((name, _)) = kind::NAMES.get(usize::from(kind)) else { continue };
        if written & 1 << kind != 0 {
            continue;
        }
        written |= 1 << kind;
        out.open(name, Shape::Object);
        out.uint("qos", message.qos().into());
        out.flag("retain", message.flags() & head_flag::RETAIN != 0);
        out.flag("dup", message.flags() & head_flag::DUP != 0);
        content(message, detail, out);
        out.close();
    }
}

fn content(message: &Message, detail: &Detail<'_>, out: &mut dyn Writer) {
    let subscribes = message.kind() == kind::SUBSCRIBE;
    match message.content() {
        Content::Connect(content) => connect(&content, detail, out),
        Content::Connack { session_present, code, properties } => {
            out.flag("session_present", session_present);
            out.uint("return_code", code.into());
            show(properties, out);
        }
        Content::Publish { topic, id, properties, message } => {
            out.text("topic", topic);
            if let Some(id) = id {
                out.uint("message_id", id.into());
            }
            limited("message", message, detail, out);
            show(properties, out);
        }
        Content::Confirm { id, reason, .. } => {
            out.uint("message_id", id.into());
            if let Some(reason) = reason {
                out.uint("reason_code", reason.into());
            }
        }
        Content::Topics { id, topics, .. } => {
            out.uint("message_id", id.into());
            out.open("topics", Shape::List);
            for (topic, qos) in topics {
                if subscribes {
                    out.open("", Shape::Object);
                    out.text("topic", topic);
                    out.uint("qos", qos.into());
                    out.close();
                } else {
                    out.text("", topic);
                }
            }
            out.close();
        }
        Content::Codes { id, codes, .. } => {
            out.uint("message_id", id.into());
            if !codes.is_empty() {
                out.open(if message.kind() == kind::SUBACK { "qos_granted" } else { "reason_codes" }, Shape::List);
                codes.iter().for_each(|code| out.uint("", (*code).into()));
                out.close();
            }
        }
        Content::Reason { reason, properties } => {
            if let Some(reason) = reason {
                out.uint("reason_code", reason.into());
            }
            show(properties, out);
        }
        Content::Skipped(length) if message.kind() == kind::PUBLISH => {
            out.uint("skipped_length", length as u64);
            out.flag("truncated", true);
        }
        Content::Nothing | Content::Skipped(_) => {}
    }
}

fn connect(connect: &Connect<'_>, detail: &Detail<'_>, out: &mut dyn Writer) {
    out.text("protocol_string", connect.protocol);
    out.uint("protocol_version", connect.version.into());
    out.open("flags", Shape::Object);
    for (name, bit) in connect_flag::NAMES {
        out.flag(name, u64::from(connect.flags) & bit != 0);
    }
    out.close();
    out.text("client_id", connect.client_id);
    if let Some(will) = &connect.will {
        out.open("will", Shape::Object);
        out.text("topic", will.topic);
        limited("message", will.message, detail, out);
        show(will.properties, out);
        out.close();
    }
    if let Some(username) = connect.username {
        out.text("username", username);
    }
    if let Some(password) = connect.password.filter(|_| !detail.hide_passwords) {
        out.text("password", password);
    }
    show(connect.properties, out);
}

/// A text of which only so much is shown.
fn limited(key: &str, text: &[u8], detail: &Detail<'_>, out: &mut dyn Writer) {
    match text.split_at_checked(detail.text_limit.unwrap_or(USUAL_LIMIT)) {
        Some((shown, rest)) if !rest.is_empty() => {
            let note = format!("[truncated {} additional bytes]", rest.len());
            out.text(key, &[shown, note.as_bytes()].concat());
        }
        _ => out.text(key, text),
    }
}

/// Writes properties, if there are any: the first of each name. A user's without one are left out.
fn show(properties: Properties<'_>, out: &mut dyn Writer) {
    /// User properties are as many as their sender likes.
    const MAX_SHOWN: usize = 64;
    if properties.is_empty() {
        return;
    }
    out.open("properties", Shape::Object);
    let mut names = Vec::new();
    for property in properties.take(MAX_SHOWN) {
        let name = match property {
            Property::Number(name, _) | Property::Bytes(name, _) => name.into(),
            Property::User(name, _) => String::from_utf8_lossy(name),
        };
        if name.is_empty() || names.contains(&name) {
            continue;
        }
        match property {
            Property::Number(_, value) => out.uint(&name, value.into()),
            Property::Bytes(_, value) | Property::User(_, value) => out.text(&name, value),
        }
        names.push(name);
    }
    out.close();
}
