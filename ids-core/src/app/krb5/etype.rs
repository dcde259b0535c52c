//! Encryption types: numbers, names, and which are no longer thought safe.

/// An encryption type.
pub(super) struct Row {
    pub(super) number: i32,
    /// The number, as rules write it.
    digits: &'static str,
    pub(super) name: &'static str,
    pub(super) weak: bool,
}

macro_rules! rows {
    ($($number:literal $name:literal $strength:ident,)*) => {
        [$(Row { number: $number, digits: stringify!($number), name: $name, weak: rows!($strength) },)*]
    };
    (weak) => { true };
    (strong) => { false };
}

/// IANA, "Kerberos Encryption Type Numbers"; the negative ones are Microsoft's. DES is weak since RFC 6649, triple DES and
/// RC4 since RFC 8429; of what only holds keys nothing is said.
const ROWS: [Row; 33] = rows![
    1 "des-cbc-crc" weak,
    2 "des-cbc-md4" weak,
    3 "des-cbc-md5" weak,
    5 "des3-cbc-md5" weak,
    7 "des3-cbc-sha1" weak,
    9 "dsaWithSHA1-CmsOID" weak,
    10 "md5WithRSAEncryption-CmsOID" weak,
    11 "sha1WithRSAEncryption-CmsOID" weak,
    12 "rc2CBC-EnvOID" weak,
    13 "rsaEncryption-EnvOID" weak,
    14 "rsaES-OAEP-ENV-OID" weak,
    15 "des-ede3-cbc-Env-OID" weak,
    16 "des3-cbc-sha1-kd" weak,
    17 "aes128-cts-hmac-sha1-96" strong,
    18 "aes256-cts-hmac-sha1-96" strong,
    19 "aes128-cts-hmac-sha256-128" strong,
    20 "aes256-cts-hmac-sha384-192" strong,
    23 "rc4-hmac" weak,
    24 "rc4-hmac-exp" weak,
    25 "camellia128-cts-cmac" strong,
    26 "camellia256-cts-cmac" strong,
    65 "subkey-keymaterial" strong,
    -128 "rc4-md4" weak,
    -129 "rc4-plain2" weak,
    -130 "rc4-lm" weak,
    -131 "rc4-sha" weak,
    -132 "des-plain" weak,
    -133 "rc4-hmac-OLD" weak,
    -134 "rc4-plain-OLD" weak,
    -135 "rc4-hmac-OLD-exp" weak,
    -136 "rc4-plain-OLD-exp" weak,
    -140 "rc4-plain" weak,
    -141 "rc4-plain-exp" weak,
];

/// What rules call them: by name, by number, and all weak ones; each is one bit.
pub(super) const NAMES: &[(&str, u64)] = &names();

#[allow(clippy::indexing_slicing, reason = "computed by the compiler, which refuses an index out of bounds")]
const fn names() -> [(&'static str, u64); 2 * ROWS.len() + 1] {
    let mut names = [("weak", 0); 2 * ROWS.len() + 1];
    let mut at = 0;
    while at < ROWS.len() {
        names[1 + 2 * at] = (ROWS[at].name, 1 << at);
        names[2 + 2 * at] = (ROWS[at].digits, 1 << at);
        if ROWS[at].weak {
            names[0].1 |= 1 << at;
        }
        at += 1;
    }
    names
}

/// What is known of a type.
pub(super) fn of(number: i32) -> Option<&'static Row> {
    const { &ROWS }.iter().find(|row| row.number == number)
}

/// Its bit in [`NAMES`]; none if it is not known.
pub(super) fn bit(number: i32) -> u64 {
    let place = const { &ROWS }.iter().position(|row| row.number == number);
    place.map_or(0, |place| 1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_mean_the_same() {
        let value = |name: &str| NAMES.iter().find(|row| row.0 == name).map(|row| row.1);
        assert_eq!((value("rc4-hmac"), value("23")), (Some(bit(23)), Some(bit(23))));
        assert_eq!(value("-128"), Some(bit(-128)));
        assert_eq!(bit(4242), 0);
        let weak = value("weak").unwrap();
        for (number, expected) in [(23, true), (1, true), (-128, true), (18, false), (65, false)] {
            assert_eq!(weak & bit(number) != 0, expected, "{number}");
            assert_eq!(of(number).unwrap().weak, expected, "{number}");
        }
    }
}
