//! What the record shows: the request, and the responses.

use std::borrow::Cow;

use ldap_parser::filter::AttributeValue;
use ldap_parser::ldap::{
    AuthenticationChoice, BindRequest, LdapOID, LdapResult, LdapString, ProtocolOp, SearchRequest,
};

use super::message::Message;
use super::names::{CHANGES, OPERATIONS, RESULTS, name_of};
use super::tx::Tx;
use crate::record::{Shape, Writer};

/// Writes the content of the `ldap` object.
pub(super) fn write(tx: &Tx, out: &mut dyn Writer) {
    if let Some(request) = &tx.request {
        out.open("request", Shape::Object);
        out.uint("message_id", request.id.into());
        message(request, out);
        out.close();
    }
    if tx.responses.is_empty() {
        return;
    }
    out.open("responses", Shape::List);
    for response in &tx.responses {
        out.open("", Shape::Object);
        if tx.request.is_none() {
            out.uint("message_id", response.id.into());
        }
        message(response, out);
        out.close();
    }
    out.close();
}

/// The operation, and an object of its name with what it says.
fn message(message: &Message, out: &mut dyn Writer) {
    let Some(name) = name_of(OPERATIONS, message.operation.into()) else { return };
    out.text("operation", name.as_bytes());
    let Some(content) = message.content() else { return };
    let operation = content.protocol_op;
    if matches!(operation, ProtocolOp::UnbindRequest | ProtocolOp::SearchResultReference(_)) {
        return;
    }
    out.open(name, Shape::Object);
    if operation.result().is_some() {
        response(&operation, out)
    } else {
        other(&operation, out)
    }
    out.close();
}

/// A result, and what comes with it.
fn response(operation: &ProtocolOp<'_>, out: &mut dyn Writer) {
    if let Some(LdapResult { result_code, matched_dn, diagnostic_message }) = operation.result() {
        numbered("result_code", RESULTS, result_code.0, out);
        text("matched_dn", &matched_dn.0, out);
        text("message", &diagnostic_message.0, out);
    }
    match operation {
        ProtocolOp::BindResponse(response) => bytes("server_sasl_creds", response.server_sasl_creds.as_ref(), out),
        ProtocolOp::ExtendedResponse(response) => {
            extension(response.response_name.as_ref(), response.response_value.as_ref(), out);
        }
        _ => {}
    }
}

/// What is no result.
fn other(operation: &ProtocolOp<'_>, out: &mut dyn Writer) {
    match operation {
        ProtocolOp::BindRequest(request) => bind(request, out),
        ProtocolOp::SearchRequest(request) => search(request, out),
        ProtocolOp::SearchResultEntry(entry) => {
            text("base_object", &entry.object_name.0, out);
            let attributes = entry.attributes.iter().map(|attribute| (&attribute.attr_type, &attribute.attr_vals));
            list("attributes", attributes, out, |(name, list), out| attribute(["type", "values"], name, list, out));
        }
        ProtocolOp::ModifyRequest(request) => {
            text("object", &request.object.0, out);
            list("changes", &request.changes, out, |change, out| {
                numbered("operation", CHANGES, change.operation.0, out);
                out.open("modification", Shape::Object);
                let changed = &change.modification;
                attribute(["attribute_type", "attribute_values"], &changed.attr_type, &changed.attr_vals, out);
                out.close();
            });
        }
        ProtocolOp::AddRequest(request) => {
            text("entry", &request.entry.0, out);
            list("attributes", &request.attributes, out, |added, out| {
                attribute(["name", "values"], &added.attr_type, &added.attr_vals, out);
            });
        }
        ProtocolOp::DelRequest(entry) => text("dn", &entry.0, out),
        ProtocolOp::ModDnRequest(request) => {
            text("entry", &request.entry.0, out);
            text("new_rdn", &request.newrdn.0, out);
            out.flag("delete_old_rdn", request.deleteoldrdn);
            request.newsuperior.iter().for_each(|name| text("new_superior", &name.0, out));
        }
        ProtocolOp::CompareRequest(request) => {
            text("entry", &request.entry.0, out);
            out.open("attribute_value_assertion", Shape::Object);
            text("description", &request.ava.attribute_desc.0, out);
            out.text("value", &request.ava.assertion_value);
            out.close();
        }
        ProtocolOp::AbandonRequest(id) => out.uint("message_id", id.0.into()),
        ProtocolOp::ExtendedRequest(request) => {
            extension(Some(&request.request_name), request.request_value.as_ref(), out);
        }
        ProtocolOp::IntermediateResponse(response) => {
            extension(response.response_name.as_ref(), response.response_value.as_ref(), out);
        }
        _ => {}
    }
}

/// Passwords are not shown.
fn bind(request: &BindRequest<'_>, out: &mut dyn Writer) {
    out.uint("version", request.version.into());
    text("name", &request.name.0, out);
    if let AuthenticationChoice::Sasl(sasl) = &request.authentication {
        out.open("sasl", Shape::Object);
        text("mechanism", &sasl.mechanism.0, out);
        bytes("credentials", sasl.credentials.as_ref(), out);
        out.close();
    }
}

fn search(request: &SearchRequest<'_>, out: &mut dyn Writer) {
    text("base_object", &request.base_object.0, out);
    out.uint("scope", request.scope.0.into());
    out.uint("deref_alias", request.deref_aliases.0.into());
    out.uint("size_limit", request.size_limit.into());
    out.uint("time_limit", request.time_limit.into());
    out.flag("types_only", request.types_only);
    if !request.attributes.is_empty() {
        out.open("attributes", Shape::List);
        request.attributes.iter().for_each(|name| text("", &name.0, out));
        out.close();
    }
}

fn attribute(keys: [&str; 2], name: &LdapString<'_>, values: &[AttributeValue<'_>], out: &mut dyn Writer) {
    let [key, list] = keys;
    text(key, &name.0, out);
    if !values.is_empty() {
        out.open(list, Shape::List);
        values.iter().for_each(|value| out.text("", &value.0));
        out.close();
    }
}

fn extension(name: Option<&LdapOID<'_>>, value: Option<&Cow<'_, [u8]>>, out: &mut dyn Writer) {
    name.iter().for_each(|name| text("name", &name.0, out));
    bytes("value", value, out);
}

/// A list of objects, if there are any.
fn list<T>(
    key: &str,
    items: impl IntoIterator<Item = T>,
    out: &mut dyn Writer,
    mut write: impl FnMut(T, &mut dyn Writer),
) {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() {
        return;
    }
    out.open(key, Shape::List);
    for item in items {
        out.open("", Shape::Object);
        write(item, out);
        out.close();
    }
    out.close();
}

/// A number by its name, or as it is where it has none.
fn numbered(key: &str, names: &'static [(&'static str, u64)], number: u32, out: &mut dyn Writer) {
    match name_of(names, number.into()) {
        Some(name) => out.text(key, name.as_bytes()),
        None => out.text(key, number.to_string().as_bytes()),
    }
}

fn text(key: &str, value: &str, out: &mut dyn Writer) {
    out.text(key, value.as_bytes());
}

fn bytes(key: &str, value: Option<&Cow<'_, [u8]>>, out: &mut dyn Writer) {
    if let Some(value) = value {
        out.text(key, value);
    }
}
