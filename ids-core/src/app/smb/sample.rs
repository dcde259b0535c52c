//! Messages made for tests.

/// A record of the session service.
pub(crate) fn record(content: &[u8]) -> Vec<u8> {
    let [_, length @ ..] = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&[0][..], &length, content].concat()
}

/// A message of SMB 2 that is about this session and tree.
pub(crate) struct Message {
    pub(crate) command: u16,
    pub(crate) status: u32,
    pub(crate) flags: u32,
    pub(crate) number: u64,
    pub(crate) tree: u32,
    pub(crate) session: u64,
}

impl Message {
    /// A request, or an answer that says yes.
    pub(crate) const fn new(command: u16, number: u64, answer: bool) -> Self {
        Self { command, status: 0, flags: answer as u32, number, tree: 5, session: 7 }
    }

    /// With this body, and so many bytes to the next message of a chain.
    pub(crate) fn chained(&self, body: &[u8], next: u32) -> Vec<u8> {
        let mut out = b"\xfeSMB\x40\0\0\0".to_vec();
        out.extend(self.status.to_le_bytes());
        out.extend(self.command.to_le_bytes());
        out.extend([0; 2]);
        out.extend(self.flags.to_le_bytes());
        out.extend(next.to_le_bytes());
        out.extend(self.number.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.tree.to_le_bytes());
        out.extend(self.session.to_le_bytes());
        out.extend([0; 16]);
        out.extend(body);
        out
    }

    /// With this body, as a record.
    pub(crate) fn with(&self, body: &[u8]) -> Vec<u8> {
        record(&self.chained(body, 0))
    }
}

/// Numbers of the lowest byte first, of so many bytes each.
pub(crate) fn body(numbers: &[(u64, usize)]) -> Vec<u8> {
    let bytes = |(number, size): &(u64, usize)| number.to_le_bytes().into_iter().chain([0; 24]).take(*size);
    numbers.iter().flat_map(bytes).collect()
}

/// A text of two bytes a letter.
pub(crate) fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// NEGOTIATE with these dialects, and its answer with the first of them.
pub(crate) fn negotiate(number: u64, dialects: &[u16]) -> [Vec<u8>; 2] {
    let mut request = body(&[(36, 2), (dialects.len() as u64, 2), (1, 2), (0, 2), (0, 4)]);
    request.extend([0x11; 16]);
    request.extend([0; 8]);
    dialects.iter().for_each(|dialect| request.extend(dialect.to_le_bytes()));
    let mut response = body(&[(65, 2), (1, 2), (dialects.first().copied().unwrap_or_default().into(), 2), (0, 2)]);
    response.extend([0x22; 16]);
    response.extend(body(&[(0, 4), (1 << 20, 4), (1 << 20, 4), (1 << 16, 4)]));
    [Message::new(0, number, false).with(&request), Message::new(0, number, true).with(&response)]
}

/// The last message of NTLM.
pub(crate) fn ntlm(domain: &str, user: &str) -> Vec<u8> {
    let mut out = b"NTLMSSP\0\x03\0\0\0".to_vec();
    let mut payload = Vec::new();
    out.extend([0; 16]);
    for text in [domain, user, "host"] {
        let length = u64::try_from(2 * text.len()).unwrap();
        out.extend(body(&[(length, 2), (length, 2), (72 + payload.len() as u64, 4)]));
        payload.extend(wide(text));
    }
    out.extend([0; 8]);
    out.extend(body(&[(0x0200_0001, 4), (10, 1), (0, 1), (17763, 2), (0, 3), (15, 1)]));
    out.extend(payload);
    out
}

/// SESSION_SETUP with this security buffer, and its answer.
pub(crate) fn setup(number: u64, blob: &[u8]) -> [Vec<u8>; 2] {
    let mut request = body(&[(25, 2), (0, 2), (0, 4), (0, 4), (64 + 24, 2), (blob.len() as u64, 2), (0, 8)]);
    request.extend(blob);
    let response = body(&[(9, 2), (0, 2), (72, 2), (0, 2)]);
    [Message::new(1, number, false).with(&request), Message::new(1, number, true).with(&response)]
}

/// TREE_CONNECT, and its answer with this kind of share.
pub(crate) fn tree(number: u64, path: &str, kind: u64) -> [Vec<u8>; 2] {
    let path = wide(path);
    let mut request = body(&[(9, 2), (0, 2), (72, 2), (path.len() as u64, 2)]);
    request.extend(path);
    let response = body(&[(16, 2), (kind, 1), (0, 1), (0, 4), (0, 4), (0, 4)]);
    [Message::new(3, number, false).with(&request), Message::new(3, number, true).with(&response)]
}

/// The body of CREATE.
pub(crate) fn create(name: &str, disposition: u64, options: u64) -> Vec<u8> {
    let name = wide(name);
    let mut out = body(&[(57, 2), (0, 2), (2, 4), (0, 8), (0, 8), (0, 4), (0, 4), (0, 4)]);
    out.extend(body(&[(disposition, 4), (options, 4), (120, 2), (name.len() as u64, 2), (0, 4), (0, 4)]));
    out.extend(name);
    out
}

/// The body of the answer: what was opened on the first of January 2020.
pub(crate) fn created(file: u8, size: u64) -> Vec<u8> {
    let time = (132_223_104_000_000_000, 8);
    let mut out = body(&[(89, 2), (0, 2), (1, 4), time, time, time, time, (size, 8), (size, 8), (0, 4), (0, 4)]);
    out.extend([file; 16]);
    out.extend([0; 8]);
    out
}

/// A message of SMB 1 with one command.
pub(crate) fn smb1(command: u8, answer: bool, number: u16, words: &[u8], bytes: &[u8]) -> Vec<u8> {
    let mut out = b"\xffSMB".to_vec();
    out.push(command);
    out.extend([0; 4]);
    out.extend([if answer { 0x80 } else { 0 }, 0x00, 0x40]);
    out.extend([0; 12]);
    out.extend(body(&[(2, 2), (3, 2), (4, 2), (number.into(), 2)]));
    out.push(u8::try_from(words.len() / 2).unwrap());
    out.extend(words);
    out.extend(u16::try_from(bytes.len()).unwrap().to_le_bytes());
    out.extend(bytes);
    record(&out)
}
