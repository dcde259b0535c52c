//! How the values of packet keywords are written.

use super::{PacketField, exactly};
use crate::detect::bytes::text::Part;
use crate::detect::integer::{self, Array};
use crate::rules::diagnostic::{Code, Diagnostic};

/// How a value is written.
#[derive(Clone, Copy, Debug)]
pub enum Syntax {
    /// The generic integer form, of so many bits.
    Integer(u8),
    /// `n`
    Exact(u8),
    /// `[!]n`
    Negatable(u8),
    /// `[<|>]n`
    Compared(u8),
    /// `integer[,index]`
    Array(u8),
    /// `toclient|toserver|either,integer`, with the row for each.
    Sided(u8, &'static [PacketField; 3]),
    /// `[!]n` or `[!]xHH`
    Tos,
    /// `[!|<|>]n|name`
    IpProto,
    /// One of these.
    Names(&'static [(&'static str, u64)]),
    /// `[!|*|+]flags[,ignored]`
    TcpFlags,
    /// `[+|*|!]` and letters of M D R
    FragBits,
    /// No value: the number must not be 0.
    Flag,
    /// A sticky buffer.
    Buffer,
}

/// The sides of [`Syntax::Sided`], in the order of its rows.
pub(crate) const SIDES: [&str; 3] = ["toserver", "toclient", "either"];

/// What a number must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// This.
    Integer(integer::Test),
    /// Several numbers, some of which must be this.
    Array(Array),
    /// Bits.
    Bits {
        /// How they are compared.
        how: Bits,
        /// The bits asked for.
        bits: u64,
        /// The bits not looked at.
        ignored: u64,
    },
    /// Anything.
    Present,
}

/// How bits are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// These and no others.
    Exactly,
    /// All of these (`+`).
    All,
    /// At least one of these (`*`).
    Any,
    /// None of these (`!`).
    None,
}

impl Predicate {
    /// Whether a number passes.
    pub fn matches(&self, value: u64) -> bool {
        match self {
            Self::Integer(test) => test.matches(value),
            Self::Array(array) => array.matches(&[value]),
            Self::Present => true,
            Self::Bits { how, bits, ignored } => {
                let value = value & !ignored;
                match how {
                    Bits::Exactly => value == *bits,
                    Bits::All => value & bits == *bits,
                    Bits::Any => value & bits != 0,
                    Bits::None => value & bits == 0,
                }
            }
        }
    }
}

impl Syntax {
    /// How a value is written, and an example of one; both empty where none is taken.
    pub(crate) fn words(self) -> (String, String) {
        let (form, example) = match self {
            Self::Integer(_) => ("[<|>|<=|>=|!]N or A-B", ">5"),
            Self::Exact(_) => ("N", "7"),
            Self::Negatable(_) => ("[!]N", "!7"),
            Self::Compared(_) => ("[<|>]N", ">7"),
            Self::Array(_) => ("[<|>|<=|>=|!]N[,INDEX]", "100,0"),
            Self::Sided(..) => ("toserver|toclient|either,[<|>|<=|>=|!]N", "toserver,>5"),
            Self::Tos => ("[!]N or [!]xHH", "x20"),
            Self::IpProto => ("[!|<|>]N or NAME", "udp"),
            Self::Names(names) => {
                let list: Vec<_> = names.iter().map(|row| row.0).collect();
                return (list.join("|"), list.first().copied().unwrap_or_default().to_owned());
            }
            Self::TcpFlags => ("[!|*|+]FLAGS[,IGNORED]", "S,12"),
            Self::FragBits => ("[+|*|!]BITS", "D"),
            Self::Flag | Self::Buffer => ("", ""),
        };
        (form.to_owned(), example.to_owned())
    }

    /// Reads a value. Out: what to compare, and the row to take it from if it is not the keyword's own.
    pub(crate) fn parse(self, value: Part<'_>) -> Result<(Predicate, Option<&'static PacketField>), Diagnostic> {
        let test = |test| (Predicate::Integer(test), None);
        Ok(match self {
            Self::Integer(bits) => test(integer_of(value, bits)?),
            Self::Exact(bits) => test(exactly(number(value, bits)?)),
            Self::Negatable(bits) => {
                let (negated, digits) = value.negation();
                test(equal(number(digits, bits)?, negated))
            }
            Self::Compared(bits) => {
                let digits = value.strip("<").or_else(|| value.strip(">")).unwrap_or(value).trim();
                number(digits, bits)?;
                test(integer_of(value, bits)?)
            }
            Self::Array(bits) => {
                let syntax = integer::Syntax { bits, names: &[], flags: false, inclusive: false };
                let array = Array::parse(value.text, &syntax).map_err(|problem| value.problem(problem))?;
                (Predicate::Array(array), None)
            }
            Self::Sided(bits, rows) => {
                let Some((side, rest)) = value.text.split_once(',') else {
                    return Err(value.bad("a side is missing").help("write `toserver,N`, `toclient,N` or `either,N`"));
                };
                let row = SIDES.iter().zip(rows).find(|(name, _)| **name == side.trim());
                let Some((_, row)) = row else {
                    return Err(value.slice(0, side.len()).trim().bad(format!("`{}` is no side", side.trim())));
                };
                let from = value.text.len() - rest.len();
                let rest = value.slice(from, value.text.len()).trim();
                (Predicate::Integer(integer_of(rest, bits)?), Some(row))
            }
            Self::Tos => {
                let (negated, digits) = value.negation();
                let byte = match digits.text.strip_prefix('x') {
                    Some(hex) => u8::from_str_radix(hex, 16).ok().map(u64::from),
                    None => digits.text.parse::<u8>().ok().map(u64::from),
                };
                let byte = byte.ok_or_else(|| digits.bad("expected 0 to 255, or x00 to xff"))?;
                test(equal(byte, negated))
            }
            Self::IpProto => test(ip_proto(value)?),
            Self::Names(names) => test(exactly(named(value, names)?)).any_of(value, names),
            Self::TcpFlags => (bits(value, TCP_FLAGS)?, None),
            Self::FragBits => (bits(value, FRAG_BITS)?, None),
            Self::Flag => test(integer::Test::Outside(0, 0)),
            Self::Buffer => (Predicate::Present, None),
        })
    }
}

/// `ipopts:any` asks for no particular option.
trait AnyOf {
    fn any_of(self, value: Part<'_>, names: &[(&str, u64)]) -> Self;
}

impl AnyOf for (Predicate, Option<&'static PacketField>) {
    fn any_of(self, value: Part<'_>, names: &[(&str, u64)]) -> Self {
        let any = value.text.eq_ignore_ascii_case("any") && names.iter().any(|row| row.0 == "any");
        if any { (Predicate::Present, self.1) } else { self }
    }
}

fn equal(value: u64, negated: bool) -> integer::Test {
    if negated { integer::Test::Outside(value, value) } else { exactly(value) }
}

fn integer_of(value: Part<'_>, bits: u8) -> Result<integer::Test, Diagnostic> {
    integer::parse(value.text, bits, &[]).map_err(|problem| value.problem(problem))
}

fn number(value: Part<'_>, bits: u8) -> Result<u64, Diagnostic> {
    let number = value.unsigned()?;
    let max = if bits >= 64 { u64::MAX } else { (1 << bits) - 1 };
    if number > max {
        return Err(value.bad(format!("{number} is out of range")).help(format!("take a number from 0 to {max}")));
    }
    Ok(number)
}

fn named(value: Part<'_>, names: &[(&str, u64)]) -> Result<u64, Diagnostic> {
    match names.iter().find(|row| row.0.eq_ignore_ascii_case(value.text)) {
        Some(row) => Ok(row.1),
        None => {
            let list: Vec<_> = names.iter().map(|row| format!("`{}`", row.0)).collect();
            Err(value.bad(format!("`{}` is not known here", value.text)).help(format!("one of {}", list.join(", "))))
        }
    }
}

/// `[!|<|>]` and a number or a name.
fn ip_proto(value: Part<'_>) -> Result<integer::Test, Diagnostic> {
    let operator = ["!", "<", ">"].into_iter().find_map(|operator| Some((operator, value.strip(operator)?)));
    let (operator, word) = operator.map_or(("", value), |(operator, rest)| (operator, rest.trim()));
    let proto = match PROTOCOLS.iter().find(|row| row.0.eq_ignore_ascii_case(word.text)) {
        Some(row) => row.1,
        None => number(word, 8).map_err(|_| {
            word.bad(format!("`{}` is no IP protocol", word.text)).help("write a number from 0 to 255, or a name")
        })?,
    };
    match operator {
        "!" => Ok(equal(proto, true)),
        "<" if proto > 0 => Ok(integer::Test::Within(0, proto - 1)),
        ">" if proto < 255 => Ok(integer::Test::Within(proto + 1, 255)),
        "" => Ok(exactly(proto)),
        _ => Err(Diagnostic::error(Code::Impossible, value.span(), "no IP protocol is in this range")),
    }
}

/// Letters with an operator before or after them, and letters that are ignored.
fn bits(value: Part<'_>, letters: &[(char, u64)]) -> Result<Predicate, Diagnostic> {
    let (wanted, ignored) = match value.text.split_once(',') {
        Some((wanted, _)) => {
            (value.slice(0, wanted.len()).trim(), Some(value.slice(wanted.len() + 1, value.text.len()).trim()))
        }
        None => (value, None),
    };
    let operators = [("+", Bits::All), ("*", Bits::Any), ("!", Bits::None)];
    let mut how = Bits::Exactly;
    let mut word = wanted;
    for (sign, meaning) in operators {
        let stripped = word.strip(sign).or_else(|| {
            let kept = word.text.strip_suffix(sign)?;
            Some(word.slice(0, kept.len()))
        });
        if let Some(rest) = stripped {
            if how != Bits::Exactly {
                return Err(wanted.bad("more than one of `+`, `*`, `!`"));
            }
            (how, word) = (meaning, rest.trim());
        }
    }
    if word.text.is_empty() {
        return Err(wanted.bad("no bit is named"));
    }
    let sum = |part: Part<'_>| {
        part.text.chars().try_fold(0, |bits, letter| {
            let row = letters.iter().find(|row| row.0.eq_ignore_ascii_case(&letter));
            row.map(|row| bits | row.1).ok_or_else(|| part.bad(format!("`{letter}` is no such bit")))
        })
    };
    Ok(Predicate::Bits { how, bits: sum(word)?, ignored: ignored.map_or(Ok(0), sum)? })
}

/// TCP flags (RFC 9293 §3.1, RFC 3168); `1` and `2` are the old names of the last two.
const TCP_FLAGS: &[(char, u64)] = &[
    ('F', 0x01),
    ('S', 0x02),
    ('R', 0x04),
    ('P', 0x08),
    ('A', 0x10),
    ('U', 0x20),
    ('E', 0x40),
    ('2', 0x40),
    ('C', 0x80),
    ('1', 0x80),
    ('0', 0),
];

/// Bits of the fragment word (RFC 791 §3.1).
const FRAG_BITS: &[(char, u64)] = &[('M', 1), ('D', 2), ('R', 4)];

/// IPv4 options by kind (RFC 791 §3.1, RFC 1108, RFC 2113 and the IANA registry).
pub(super) const IP_OPTIONS: &[(&str, u64)] = &[
    ("rr", 7),
    ("eol", 0),
    ("nop", 1),
    ("ts", 68),
    ("sec", 130),
    ("esec", 133),
    ("lsrr", 131),
    ("ssrr", 137),
    ("satid", 136),
    ("qs", 25),
    ("rtralt", 148),
    ("cipso", 134),
    ("any", 256),
];

/// Names of IP protocols (IANA registry) that rules use.
const PROTOCOLS: &[(&str, u64)] = &[
    ("ip", 0),
    ("hopopt", 0),
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("ip-encap", 4),
    ("st", 5),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("dccp", 33),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ipsec-esp", 50),
    ("ah", 51),
    ("ipsec-ah", 51),
    ("skip", 57),
    ("ipv6-icmp", 58),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("rspf", 73),
    ("vmtp", 81),
    ("eigrp", 88),
    ("ospf", 89),
    ("ospfigp", 89),
    ("ax.25", 93),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("sctp", 132),
    ("fc", 133),
    ("mobility-header", 135),
    ("udplite", 136),
    ("mpls-in-ip", 137),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(syntax: Syntax, text: &str) -> Result<Predicate, Diagnostic> {
        syntax.parse(Part { text, at: 0 }).map(|parsed| parsed.0)
    }

    #[test]
    fn flags() {
        const SYN: u64 = 0x02;
        const ACK: u64 = 0x10;
        const ECE: u64 = 0x40;
        const CWR: u64 = 0x80;
        let cases: &[(&str, &[u64], &[u64])] = &[
            ("S", &[SYN], &[SYN | ACK, 0]),
            ("SA", &[SYN | ACK], &[SYN, ACK]),
            ("+S", &[SYN, SYN | ACK], &[ACK]),
            ("S+", &[SYN | ACK], &[ACK]),
            ("*SA", &[SYN, ACK], &[1]),
            ("!SA", &[1], &[SYN, ACK, SYN | ACK]),
            ("S,CE", &[SYN, SYN | ECE, SYN | CWR], &[SYN | ACK]),
            ("S,12", &[SYN | ECE | CWR], &[SYN | ACK]),
            ("0", &[0], &[SYN]),
        ];
        for (text, pass, fail) in cases {
            let predicate = parse(Syntax::TcpFlags, text).unwrap();
            assert!(pass.iter().all(|bits| predicate.matches(*bits)), "{text}");
            assert!(!fail.iter().any(|bits| predicate.matches(*bits)), "{text}");
        }
        for text in ["X", "+*S", "", "+", "S,x"] {
            assert!(parse(Syntax::TcpFlags, text).is_err(), "{text}");
        }
    }

    #[test]
    fn others() {
        let cases: &[(Syntax, &str, &[u64], &[u64])] = &[
            (Syntax::FragBits, "M", &[1], &[3, 0]),
            (Syntax::FragBits, "+D", &[2, 3], &[1]),
            (Syntax::FragBits, "!MDR", &[0], &[1]),
            (Syntax::Tos, "8", &[8], &[9]),
            (Syntax::Tos, "!x0A", &[9], &[10]),
            (Syntax::IpProto, "TCP", &[6], &[17]),
            (Syntax::IpProto, "!6", &[17], &[6]),
            (Syntax::IpProto, "<2", &[0, 1], &[2]),
            (Syntax::IpProto, ">253", &[254, 255], &[253]),
            (Syntax::Compared(16), "<5", &[4], &[5]),
            (Syntax::Negatable(16), "!512", &[1], &[512]),
            (Syntax::Names(IP_OPTIONS), "lsrr", &[131], &[7]),
            (Syntax::Names(IP_OPTIONS), "any", &[131, 7], &[]),
        ];
        for (syntax, text, pass, fail) in cases {
            let predicate = parse(*syntax, text).unwrap_or_else(|fault| panic!("{text}: {fault:?}"));
            assert!(pass.iter().all(|value| predicate.matches(*value)), "{text}");
            assert!(!fail.iter().any(|value| predicate.matches(*value)), "{text}");
        }
        let mistakes = [
            (Syntax::Tos, "256"),
            (Syntax::Tos, "xgg"),
            (Syntax::IpProto, "nothing"),
            (Syntax::IpProto, ">255"),
            (Syntax::Compared(16), "!5"),
            (Syntax::Exact(16), "65536"),
            (Syntax::Sided(32, &super::super::PACKETS), "3"),
            (Syntax::Sided(32, &super::super::PACKETS), "up,3"),
        ];
        for (syntax, text) in mistakes {
            assert!(parse(syntax, text).is_err(), "{text}");
        }
    }
}
