//! Protocol versions: numbers on the wire, and what rules and records call them.

/// SSL 2.0; on the wire the bytes are the other way round than in later versions.
pub(super) const SSL2: u16 = 0x0002;
pub(super) const SSL3: u16 = 0x0300;
pub(super) const TLS1_0: u16 = 0x0301;
pub(super) const TLS1_1: u16 = 0x0302;
pub(super) const TLS1_2: u16 = 0x0303;
pub(super) const TLS1_3: u16 = 0x0304;

/// Names in `tls.version`.
pub(super) const TLS_NAMES: &[(&str, u64)] =
    &[("1.0", TLS1_0 as u64), ("1.1", TLS1_1 as u64), ("1.2", TLS1_2 as u64), ("1.3", TLS1_3 as u64)];

/// A bit for each version that rules have a word for.
pub(super) const fn bit(version: u16) -> u64 {
    match version {
        SSL2 => 1,
        SSL3..=TLS1_3 => 2 << (version - SSL3),
        _ => 0,
    }
}

/// Whether it is a draft of TLS 1.3: `7f` and its number, or one of the experiments of `fb`.
const fn is_draft(version: u16) -> bool {
    matches!(version >> 8, 0x7f | 0xfb)
}

/// Whether there is such a version, or was such a draft.
pub(super) const fn is_known(version: u16) -> bool {
    matches!(version, SSL2 | SSL3..=TLS1_3) || is_draft(version)
}

/// Whether the handshake is that of TLS 1.3, where certificates are encrypted.
pub(super) const fn is_1_3(version: u16) -> bool {
    version == TLS1_3 || is_draft(version)
}

/// The version that rules compare with: drafts count as what they became.
pub(super) const fn settled(version: u16) -> u16 {
    if is_draft(version) { TLS1_3 } else { version }
}

/// The text in records. `extended`: it was negotiated by an extension (RFC 8446 §4.2.1), as in every form of
/// TLS 1.3 but its drafts before 16.
pub(super) fn name(version: u16, extended: bool) -> String {
    match version {
        SSL2 => "SSLv2".to_owned(),
        SSL3 => "SSLv3".to_owned(),
        TLS1_0 => "TLSv1".to_owned(),
        TLS1_1 => "TLS 1.1".to_owned(),
        TLS1_2 => "TLS 1.2".to_owned(),
        TLS1_3 if extended => "TLS 1.3".to_owned(),
        TLS1_3 | 0x7f00..0x7f10 => "TLS 1.3 draft-<16".to_owned(),
        0x7f10..=0x7fff => format!("TLS 1.3 draft-{}", version & 0xff),
        0xfb17 | 0xfb1a => format!("TLS 1.3 draft-{}-fb", version & 0xff),
        other => format!("0x{other:04x}"),
    }
}
