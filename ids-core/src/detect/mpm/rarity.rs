//! How rare bytes are in traffic: which pattern makes the best prefilter, which byte of it is best searched for.
//!
//! The tables were counted over TCP and UDP payloads (14 MB, at most 200 kB of a capture, each payload once) of a
//! public behaviour suite for inspection engines, and of those captures of the nDPI and Zeek test suites that the
//! benchmark capture is not made of: many protocols, a good part of it encrypted. Letters are counted without regard
//! to case; bytes that are seldom told apart by patterns share a class.

/// Bits times this is the unit of all costs here: the surprise of an event, -log2 of its probability.
pub(super) const UNIT: u32 = 4;

/// Beyond this a pattern is rare enough: longer ones gain nothing.
const ENOUGH: u32 = 48 * UNIT;

/// How good a pattern is for the prefilter: the surprise of finding it at a given place of ordinary traffic, in quarter
/// bits, up to a bound. Higher is better. Of equal ones the case-sensitive is better: it is verified more
/// strictly.
pub fn score(pattern: &[u8], nocase: bool) -> u32 {
    let mut total = 0;
    let mut before = None;
    for byte in pattern {
        total += u32::from(cost(before, *byte));
        before = Some(*byte);
    }
    total.min(ENOUGH) * 2 + u32::from(!nocase)
}

/// How rare a byte is, in quarter bits; higher is rarer.
pub fn byte_cost(byte: u8) -> u8 {
    cost(None, byte)
}

/// The surprise of `byte` after `before`, in quarter bits.
pub(super) fn cost(before: Option<u8>, byte: u8) -> u8 {
    let row = match before {
        Some(before) => PAIRS.get(class(before)).copied(),
        None => Some(&SINGLE),
    };
    // The tables hold the cost as a printable character.
    row.and_then(|row| row.get(class(byte))).map_or(0, |cost| cost.wrapping_sub(b'0'))
}

/// How many classes there are.
const CLASSES: usize = 49;

/// The single bytes among the classes, after the 26 letters and the digits, in the order of the tables.
const SINGLES: &[u8] = b"\x00\x01\xFF \r\n/.-=:\"<>_;,&%";

fn class(byte: u8) -> usize {
    usize::from(CLASS.get(usize::from(byte)).copied().unwrap_or_default())
}

/// The class of each byte: letters, digits, the single bytes, other printable ones, other control characters, the
/// upper half.
#[allow(clippy::indexing_slicing, reason = "computed by the compiler, which refuses an index out of bounds")]
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = classify(byte as u8);
        byte += 1;
    }
    table
};

#[allow(clippy::indexing_slicing, reason = "computed by the compiler, which refuses an index out of bounds")]
const fn classify(byte: u8) -> u8 {
    const FIRST_SINGLE: u8 = 27;
    let mut at = 0;
    while at < SINGLES.len() {
        if SINGLES[at] == byte {
            return FIRST_SINGLE + at as u8;
        }
        at += 1;
    }
    let other = FIRST_SINGLE + SINGLES.len() as u8;
    match byte {
        b'a'..=b'z' => byte - b'a',
        b'A'..=b'Z' => byte - b'A',
        b'0'..=b'9' => 26,
        0x21..=0x7E => other,
        0x00..=0x1F => other + 1,
        _ => other + 2,
    }
}

/// Cost of a byte (by class) when nothing is known of the one before it, as a character from `0` for none.
const SINGLE: [u8; CLASSES] = *b"EKIJGKKKILLJHIIJLIIHJKKGLLN>FLIMKNMNQPQQRQRRSSRQS";

/// Cost of a byte (column) after another (row).
#[rustfmt::skip]
const PAIRS: [&[u8; CLASSES]; CLASSES] = [
    b"6GDFKLGMGNNDDENIMDGCKLIJJNQEXXLMXPSOOVXYQYXV[YYZZ",
    b"B@FIDIIIGEIDHJDJIHHIFIIKHJMBSSPNRLRQTUSUSUSQVQQTU",
    b"@IDHBJKCFKDDIH<KKFHBHLLLJKNCRTOPTOQKOSUUWRUOWWVVW",
    b"CJHD?HJJ@KJJHICIIHEIIJJKHLMBRMELRKNKIKQSPNRQWUTUV",
    b"EKDDEFJMIMNFF?LHL?BCMIKDIMPDWTAGSOLHLKRUQNQNXUVVX",
    b"EIHIECJJBJJFIIBIHGHFGIJJIJLCSRINRJTNKPRUURNULSTTU",
    b"FHIIAIEGDJJEGGFGJDGFFHJIIHMGSRILRIONOLRSTQTPUUSTU",
    b"BJJI@IJFEKKIFIDIIFJAGIJJJKNCQRJORNKLQKSTTPSSUUSTU",
    b"FIBDFFFLGLJDE=AEJGBAJELILINFUUOPTNRNUWUWMUVSVVVWW",
    b"FHIHDIIHHDIIGHHHGGHIFHIIIIMFMPPMMLQPSRRSSRSRSSRRS",
    b"GHHHAGGIDIEHEHIIHHHHIIIIIIMGRRLJQLMNQQQTQLQPUSSTT",
    b"@JJH>JKK@KKCHIAIJHGFFJIJHJNESTHLSMOLSPPUPQRNWTTUV",
    b"ADJG@KKKFKKGDJFDKJEIIKKJKJPFSSMKPLSQRPVVQRQNWWTUS",
    b"BJDCCIAKGKHJJFFJKJD=GJKLLKPFRSEKQKLJMJRSQPRPTTTTV",
    b"HFEEKGILIKGD@=EEL?DECHFKKKPFUTJPTORNTQUUUSVUVWUWW",
    b"CKIJAKKHHJIAIIDDJDGFFIKIJINDQLILNFLKTISUOSQRVRTTU",
    b"AHHHHIHIGIHHGIIHDHHHDHHIIIMHRPQMPMRPOPTSQSSTTTSSS",
    b"CKGG>IFLBLIIGGAIJFEDGDILFLOFUTFLSNIIQJSVOOTPWVUVV",
    b"FKFG@IKDAKKJCKGDJIB?FIJLGMOEURDJRLKHKLRTTRTOVVUVW",
    b"BLIJ>JLC@NMIHKCELDGCGJKKDMPDVUCIRKLDOIOUTNPQXWUUX",
    b"GFHGDJJIGJJEDBJEJBBDGJKHJKNGRSQPPOTPUUTUTSTRUUTQU",
    b"BHEHAHIIDJJHGIHIIIIIIFFIHHMGSNNNRJROSQSUOSUTTQSTT",
    b"EIHIFGIGCIIGGGGGIDHIIHCIGIMGSMNOQNLOSRSTTMTSTTSTT",
    b"HNLNMMMNKNMMJMMKMNNFMMM3NNQJWTJOUQTPWVWWYWSXYYWXY",
    b"HHIHIIJJHIJGGDHBIIGHIIIICIMGQRFGPMKHSNRSOIRRUTRST",
    b"HIHHFIHHFIIHFHFHHHHIIHFGGELGRQPNQLSNSSRTTRSSSSRSS",
    b"HIJHJIKKJKKJJJKKKKKKKKKKLJEFQSGCRLAKUMQTTSPPUSTTU",
    b"PRONMSVPRWSRURRPYRQNSUSTWYU3CKNUSYUW^\\WV^Z][[ZYQZ",
    b"VXXWWVVSVUYVWRWRVXVSUVWVXXX;3MORT]]\\[\\WZ\\[ZZ[Z[RZ",
    b"RSSQRPRPSPSRMSTJOPINENPRMRR?K7UVVHXXWWYVWTSWXSVSS",
    b"DHDHIFKGDONJEEGHTHACMJJQSVKCTV;VSKMKKRNKVSY[UZMXZ",
    b"ORRRRSTSSSTTRNSQQTSQSTSRTSTFJQWS3WWWWVWWXVWWWXWUW",
    b"EMBGIHKIJNJLKGJJNJEEJLMJMNKDNUAGIKQRUPVGSWWWYVKRW",
    b"DIFFHGJGGILGIIGFKIFHIHFJKJJHTRKMQ<OTSUNSMRVUVVQVV",
    b"KMAIJJMJLORJIJHKQHKHOOIPRRBFUUMJOONWWVUSXVXWWXVWW",
    b"CHAFEHJJHPOFHIKHPHABIEKMQQIFTUMTTST=TWUUPUUVVVUVV",
    b"MMIJLMNNMONKMLOKNLJMLNMONLJIPQDCPRRRHR=QRQRSSRPRS",
    b"KGLKMKNLKOPKMJOMOMLLMKNMOOJIRS9QQCRSSMIOUTRTTSSST",
    b"ILJLGKNGMNOLLJNJNKIGLNLNOOOAKQBGPPNQNLJQAQMISSPRS",
    b"DJKHNKOHJNNFKKNINLGHMNNMNOQBONORO=QSQRRKQRSRRQRRR",
    b"LMKLMMNLLMNLKJMLNMKKNNNNMNPHPPKD?PPROSQ>JRLNPRQRR",
    b"IEDJKJLJFMLGHKLJNIFBIJMMNMOHPOQRSRMPRSRSSHRPRRPRR",
    b"NJJKKKLMNMNLJLMKJJKILKLLONQIPQBL>RQMMSNPRSNQSSQQQ",
    b"EMFFIMOFLNNNKGNMOKJMJMONNLOFPP=OIRFQPRLSRSQPRRQRR",
    b"MMLLMLLLMLMLKHMMKMLMMMJMMLPEONKQPPQQPPPQQQOQJIOPQ",
    b"MMLMMNMLMMLLMJMLMMLMMNMMMNMBONOQQQPQRQOQRRLPONOOQ",
    b"KLLLLKMKLLMKIKKKMMLLMLLMKMMBNOENMNNPPQNQQQNPQQPPQ",
    b"MMLMMMNLNNNNMINMNNMLKNMNNNQ=GNQQMRRRRRRPRRRRSRQLR",
    b"LLMMKLLLMMMLHLLLLMLLKLLLLLQFLMPPPQQQQQQPQPQQQQPPP",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_is_better() {
        let better: &[(&[u8], &[u8])] = &[
            (b"xqzj", b"http"),
            (b"evil.exe", b"e"),
            (b"\xD0\xCF\x11\xE0", b"\x00\x00\x00\x00\x00\x00\x00\x00"),
            (b"MyBot/1.0", b"Mozilla"),
            (b"|cmd|", b"    "),
            (b"longer.example.org/gate", b"gate"),
        ];
        for (rare, common) in better {
            assert!(
                score(rare, true) > score(common, true),
                "{} {} against {} {}",
                rare.escape_ascii(),
                score(rare, true),
                common.escape_ascii(),
                score(common, true)
            );
        }
        assert!(score(b"abc", false) > score(b"abc", true));
    }

    #[test]
    fn classes_fit_the_tables() {
        assert!((0..=u8::MAX).all(|byte| class(byte) < CLASSES));
        assert_eq!((class(b'a'), class(b'Z'), class(b'7')), (0, 25, 26));
        assert_eq!((class(0), class(b'%'), class(b'!'), class(0x80)), (27, 45, 46, 48));
        assert!((0..=u8::MAX).all(|byte| byte_cost(byte) > 0 && cost(Some(byte), byte) < 64));
    }
}
