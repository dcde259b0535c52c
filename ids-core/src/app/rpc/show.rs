//! What rules and records see of a call.

use super::call::{Call, Stub};
use super::packet::{self, Interface, kind};
use crate::field::{Dir, Dirs, Field, Get, Notation, Value};
use crate::record::{Shape, Writer};

/// The fields of transactions that hold calls, whoever carries them. In: how to ask the transaction for
/// [`Call::interface`], [`Call::operation`] and [`Call::stub`]. `complete`: progress at which a direction is.
pub(in crate::app) const fn fields<T>(
    interface: Get<T>,
    operation: Get<T>,
    stub: Get<T>,
    complete: u8,
) -> [Field<T>; 3] {
    [
        Field::bytes(
            "dcerpc.interface",
            Dirs::Both,
            complete,
            interface,
            "Interface that is called: 16 bytes as its UUID is written, 2 of its major version, and 1 if the first \
             packet was seen (C706 §12.6.4.9).",
        ),
        Field::uint("dcerpc.opnum", 16, Dirs::Both, complete, operation, "Operation that is called (C706 §12.6.4.9).")
            .aliases(&["dce_opnum"])
            .notation(Notation::Ranges),
        Field::bytes(
            "dcerpc.stub_data",
            Dirs::Both,
            complete,
            stub,
            "Arguments or results of a call, of all its packets (C706 §12.6.4.9, §12.6.4.10).",
        )
        .aliases(&["dce_stub_data"]),
    ]
}

impl Call {
    /// The interface that is called, as `dcerpc.interface` has it.
    pub(in crate::app) fn interface<'a>(&self, scratch: &'a mut Vec<u8>) -> Value<'a> {
        let [request, _] = self.kinds;
        match self.interfaces.first() {
            Some(interface) if request == Some(kind::REQUEST) => {
                scratch.clear();
                scratch.extend_from_slice(&interface.uuid);
                scratch.extend_from_slice(&interface.version.0.to_be_bytes());
                scratch.push(self.begun.into());
                Value::Bytes(scratch)
            }
            _ => Value::Absent,
        }
    }

    /// The number of the operation that is called.
    pub(in crate::app) fn operation(&self) -> Value<'_> {
        self.operation.map_or(Value::Absent, |number| Value::Uint(number.into()))
    }

    /// Its arguments or results.
    pub(in crate::app) fn stub(&self, dir: Dir) -> Value<'_> {
        let [request, response] = &self.stubs;
        let stub = if dir == Dir::ToServer { request } else { response };
        if stub.packets == 0 { Value::Absent } else { Value::Bytes(&stub.data) }
    }

    /// Writes types, interfaces and sizes. `apart`: the operation stands beside the request, not in it.
    pub(in crate::app) fn record(&self, apart: bool, out: &mut dyn Writer) {
        let [request, response] = self.kinds;
        out.text("request", request.map_or("REQUEST_LOST", packet::name).as_bytes());
        out.text("response", response.map_or("UNREPLIED", packet::name).as_bytes());
        if apart && let Some(operation) = self.operation {
            out.uint("opnum", operation.into());
        }
        if !self.interfaces.is_empty() {
            out.open("interfaces", Shape::List);
            self.interfaces.iter().for_each(|interface| interface.record(apart, out));
            out.close();
        }
        let [arguments, results] = &self.stubs;
        arguments.record("req", self.operation.filter(|_| !apart), out);
        results.record("res", None, out);
    }
}

impl Stub {
    fn record(&self, name: &str, operation: Option<u16>, out: &mut dyn Writer) {
        if self.packets == 0 {
            return;
        }
        out.open(name, Shape::Object);
        if let Some(operation) = operation {
            out.uint("opnum", operation.into());
        }
        out.uint("frag_cnt", self.packets.into());
        out.uint("stub_data_size", self.size);
        out.close();
    }
}

impl Interface {
    /// `reason`: why the server does not take calls is shown as well.
    fn record(&self, reason: bool, out: &mut dyn Writer) {
        let (major, minor) = self.version;
        out.open("", Shape::Object);
        out.text("uuid", uuid(self.uuid).as_bytes());
        out.text("version", format!("{major}.{minor}").as_bytes());
        if let Some((result, because)) = self.answer {
            out.uint("ack_result", result.into());
            if reason {
                out.uint("ack_reason", because.into());
            }
        }
        out.close();
    }
}

/// A UUID as text.
pub(in crate::app) fn uuid(bytes: [u8; 16]) -> String {
    let digits = data_encoding::HEXLOWER.encode(&bytes);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts.map(|part| digits.get(part).unwrap_or_default().to_owned()).join("-")
}
