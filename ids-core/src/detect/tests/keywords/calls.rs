//! Fields of calls: SIP and the descriptions of sessions in it.

use super::super::Step::{Client, Server};
use super::{Case, case};
use crate::app::sip::sample;

/// Rules on SIP with these options: they fire on one call and not on another that differs in everything.
const FIELDS: [&str; 30] = [
    "sip.method; content:\"INVITE\"; bsize:6",
    "sip.uri; content:\"sip:one.example\"; bsize:15",
    "sip.request_line; content:\"INVITE sip:one\"; startswith; bsize:30",
    "sip.stat_code; content:\"180\"; bsize:3",
    "sip.stat_msg; content:\"Reason one\"; bsize:10",
    "sip.response_line; content:\"180 Reason one\"; bsize:22",
    "sip.protocol; content:\"SIP/2.0\"; bsize:7",
    "sip.from; content:\"<sip:from-one>\"; bsize:14",
    "sip.to; content:\"<sip:to-one>\"; bsize:12",
    "sip.via; content:\"SIP/2.0/TCP via-one\"; bsize:19",
    "sip.user_agent; content:\"agent-one\"; bsize:9",
    "sip.content_type; content:\"application/sdp|3b|x=one\"; bsize:21",
    "sip.content_length; content:\"258\"; bsize:3",
    "sdp.origin; content:\"origin-one\"; bsize:10",
    "sdp.session_name; content:\"session-one\"; bsize:11",
    "sdp.session_info; content:\"info-one\"; bsize:8",
    "sdp.uri; content:\"uri-one\"; bsize:7",
    "sdp.email; content:\"email-one\"; bsize:9",
    "sdp.phone_number; content:\"phone-one\"; bsize:9",
    "sdp.connection_data; content:\"IN-one\"; bsize:6",
    "sdp.bandwidth; content:\"AS:-one\"; bsize:7",
    "sdp.time; content:\"time-one\"; bsize:8",
    "sdp.repeat_time; content:\"repeat-one\"; bsize:10",
    "sdp.timezone; content:\"zone-one\"; bsize:8",
    "sdp.encryption_key; content:\"key-one\"; bsize:7",
    "sdp.attribute; content:\"mattribute-one\"; bsize:14",
    "sdp.media.media; content:\"audio-one\"; bsize:9",
    "sdp.media.media_info; content:\"minfo-one\"; bsize:9",
    "sdp.media.connection_data; content:\"mIN-one\"; bsize:7",
    "sdp.media.encryption_key; content:\"mkey-one\"; bsize:8",
];

pub(super) fn fields() -> Vec<Case> {
    let call = |method, version, code, name| {
        let [request, response] = sample::call(method, version, code, name);
        vec![Client(request), Server(response)]
    };
    let rule = |options| format!("alert sip any any -> any any ({options}; sid:1;)");
    let cases = FIELDS
        .iter()
        .map(|options| case(&rule(options), call("INVITE", "2.0", 180, "one"), call("OPTIONS", "3.0", 404, "another")));
    cases.collect()
}
