//! `Content-Transfer-Encoding` (RFC 2045 §6): encoded lines → bytes.
//!
//! In: lines, or pieces of them, without their ends.  Out: what they stand for, and what was wrong.
//! Holds the bytes of an unfinished group.

use super::{Config, Oddity};

/// Longest encoded line (RFC 2045 §6.7, §6.8).
pub(super) const LONGEST_LINE: usize = 76;

/// Undoes an encoding.
#[derive(Debug, Default)]
pub(super) enum Decoder {
    /// There is none, or one that is not known or not to be undone.
    #[default]
    None,
    /// Base64: the sextets of the group at hand.
    Base64(Group),
    /// Quoted-printable: what stands behind an equals sign at the end of a piece, with it.
    QuotedPrintable(Vec<u8>),
}

/// Four characters of base64, which stand for three bytes.
#[derive(Debug, Default)]
pub(super) struct Group {
    bits: u32,
    sextets: u8,
    /// Equals signs that stand for the rest.
    padding: u8,
}

/// What a line was made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// The end of the line does not belong to the content.
    pub(super) joined: bool,
    pub(super) odd: Option<Oddity>,
}

impl Decoder {
    /// What undoes the encoding that the header field of this value names.
    pub(super) fn new(encoding: &[u8], config: &Config) -> Self {
        let is = |name: &str| encoding.eq_ignore_ascii_case(name.as_bytes());
        if is("base64") && config.base64 {
            Self::Base64(Group::default())
        } else if is("quoted-printable") && config.quoted_printable {
            Self::QuotedPrintable(Vec::new())
        } else {
            Self::None
        }
    }

    pub(super) const fn is_encoded(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Takes a line, or a piece of one; `ended`: no more of it follows.
    pub(super) fn line(&mut self, text: &[u8], ended: bool, out: &mut Vec<u8>) -> Taken {
        match self {
            Self::None => {
                out.extend_from_slice(text);
                Taken::default()
            }
            Self::Base64(group) => Taken { joined: true, odd: group.take(text, out) },
            Self::QuotedPrintable(held) if held.is_empty() => quoted(text, ended, held, out),
            Self::QuotedPrintable(held) => {
                let text = [held.as_slice(), text].concat();
                held.clear();
                quoted(&text, ended, held, out)
            }
        }
    }

    /// The content is over.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) -> Option<Oddity> {
        match self {
            Self::None => None,
            Self::Base64(group) => group.finish(out),
            Self::QuotedPrintable(held) => {
                out.append(held);
                None
            }
        }
    }
}

impl Group {
    /// Groups that were padded may be followed by others: so do readers.
    fn take(&mut self, text: &[u8], out: &mut Vec<u8>) -> Option<Oddity> {
        let mut odd = None;
        for byte in text {
            match sextet(*byte) {
                Some(sextet) => {
                    if self.padding > 0 {
                        odd = self.finish(out).or(odd);
                    }
                    self.bits = self.bits << 6 | u32::from(sextet);
                    self.sextets += 1;
                }
                None if *byte == b'=' && self.sextets > 1 => self.padding += 1,
                None if byte.is_ascii_whitespace() => {}
                None => odd = Some(Oddity::InvalidBase64),
            }
            if self.sextets + self.padding == 4 {
                self.finish(out);
            }
        }
        odd
    }

    /// Writes what there is of a group.
    fn finish(&mut self, out: &mut Vec<u8>) -> Option<Oddity> {
        let Self { bits, sextets, padding } = std::mem::take(self);
        let [_, a, b, c] = match sextets {
            4 => bits,
            3 => bits << 6,
            2 => bits << 12,
            _ => 0,
        }
        .to_be_bytes();
        out.extend([a, b, c].iter().take(usize::from(sextets.saturating_sub(1))));
        (sextets > 0 && sextets + padding != 4).then_some(Oddity::InvalidBase64)
    }
}

/// The value of a character (RFC 4648 §4).
const fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

/// Takes a line of quoted-printable; what cannot be judged yet is held.
fn quoted(text: &[u8], ended: bool, held: &mut Vec<u8>, out: &mut Vec<u8>) -> Taken {
    let mut taken = Taken::default();
    // White space at the end of a line was put there on the way (RFC 2045 §6.7, rule 3).
    let mut rest = if ended { text.trim_ascii_end() } else { text };
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (before, behind) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = match behind {
            [_, high, low, after @ ..] => match hex(*high).zip(hex(*low)) {
                Some((high, low)) => {
                    out.push(high << 4 | low);
                    after
                }
                None => {
                    taken.odd = Some(Oddity::InvalidQuotedPrintable);
                    out.push(b'=');
                    behind.get(1..).unwrap_or_default()
                }
            },
            _ if !ended => {
                held.extend_from_slice(behind);
                return taken;
            }
            [_] => {
                taken.joined = true;
                return taken;
            }
            _ => {
                taken.odd = Some(Oddity::InvalidQuotedPrintable);
                rest = behind;
                break;
            }
        };
    }
    out.extend_from_slice(rest);
    taken
}

/// Small letters are taken as well (RFC 2045 §6.7, note).
fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What lines stand for, cut into pieces of so many bytes, and what was odd.
    fn decode(encoding: &str, lines: &str, piece: usize) -> (String, Vec<Oddity>) {
        let mut decoder = Decoder::new(encoding.as_bytes(), &Config::default());
        let (mut out, mut odd) = (Vec::new(), Vec::new());
        for line in lines.split('\n') {
            let mut rest = line.as_bytes();
            loop {
                let (text, after) = rest.split_at(piece.min(rest.len()));
                let taken = decoder.line(text, after.is_empty(), &mut out);
                odd.extend(taken.odd);
                rest = after;
                if rest.is_empty() {
                    if !taken.joined {
                        out.push(b'|');
                    }
                    break;
                }
            }
        }
        odd.extend(decoder.finish(&mut out));
        odd.dedup();
        (String::from_utf8_lossy(&out).into_owned(), odd)
    }

    #[test]
    fn encodings() {
        use Oddity::{InvalidBase64, InvalidQuotedPrintable};
        for (encoding, lines, expected, odd) in [
            ("7bit", "a=41\nQUJD", "a=41|QUJD|", &[][..]),
            ("x-other", "QUJD", "QUJD|", &[]),
            ("Base64", "QUJD\nREVG", "ABCDEF", &[]),
            ("base64", "QU\nJDR\nA==", "ABCD", &[]),
            ("base64", "NA=\n=Mg\n==", "42", &[]),
            ("base64", "QUI", "AB", &[InvalidBase64]),
            ("base64", "QUI=QUI=", "ABAB", &[]),
            ("base64", "Q*UJD", "ABC", &[InvalidBase64]),
            ("base64", "===QUJD", "ABC", &[InvalidBase64]),
            ("base64", "", "", &[]),
            ("quoted-printable", "a=3Db=3d", "a=b=|", &[]),
            ("quoted-printable", "one=\ntwo=  \nthree \t", "onetwothree|", &[]),
            ("quoted-printable", "a=4\nb=xy=", "a=4|b=xy", &[InvalidQuotedPrintable]),
        ] {
            for piece in [1, 2, 3, 99] {
                // White space at the end is only known to be there when the line is seen whole.
                if lines.contains("  ") && piece < 99 {
                    continue;
                }
                assert_eq!(decode(encoding, lines, piece), (expected.into(), odd.to_vec()), "{lines} {piece}");
            }
        }
    }
}
