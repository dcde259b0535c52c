//! Messages made for tests.

/// A request and its response, both with a description of a session: all that can be said is made from `name`.
pub(crate) fn call(method: &str, version: &str, code: u16, name: &str) -> [Vec<u8>; 2] {
    let request = format!("{method} sip:{name}.example SIP/{version}");
    [message(&request, name), message(&format!("SIP/{version} {code} Reason {name}"), name)]
}

/// A message with this first line.
pub(crate) fn message(start: &str, name: &str) -> Vec<u8> {
    let body = description(name);
    format!(
        "{start}\r\nVia: SIP/2.0/TCP via-{name}\r\nFrom: <sip:from-{name}>\r\nTo: <sip:to-{name}>\r\n\
         User-Agent: agent-{name}\r\nContent-Type: application/sdp;x={name}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A description with a line of each kind, and two media.
pub(crate) fn description(name: &str) -> String {
    let session = "o=origin s=session i=info u=uri e=email p=phone c=IN b=AS: t=time r=repeat z=zone k=key a=attribute";
    let media = "m=audio i=minfo c=mIN k=mkey a=mattribute";
    let lines = |kinds: &str| kinds.split(' ').map(|line| format!("{line}-{name}\r\n")).collect::<String>();
    format!("v=0\r\n{}{}m=video\r\na=sendrecv\r\n", lines(session), lines(media))
}
