//! What a side can do: its key exchange message (RFC 4253 §7.1), and HASSH, which sums it up (Salesforce, 2018).

use data_encoding::HEXLOWER;
use md5::{Digest, Md5};

use crate::field::Dir;

/// Bytes of the random cookie.
const COOKIE: usize = 16;

/// HASSH with what it was made of.
#[derive(Debug)]
pub(super) struct Hassh {
    /// Names of algorithms: key exchange, encryption, authentication, compression.
    pub(super) string: Vec<u8>,
    /// MD5 of it, hexadecimal.
    pub(super) hash: String,
}

impl Hassh {
    /// Of the content of a key exchange message, behind its type. `None` if it is cut short.
    pub(super) fn of(message: &[u8], dir: Dir) -> Option<Self> {
        let mut rest = message.get(COOKIE..)?;
        let [kex, _host_key, encryption, encryption_back, mac, mac_back, compression, compression_back] =
            [(); 8].map(|()| list(&mut rest));
        let of_side = |there, back| if dir == Dir::ToServer { there } else { back };
        let lists = [
            kex?,
            of_side(encryption, encryption_back)?,
            of_side(mac, mac_back)?,
            of_side(compression, compression_back)?,
        ];
        let string = lists.join(&b';');
        let hash = HEXLOWER.encode(&Md5::digest(&string));
        Some(Self { string, hash })
    }
}

/// A list of names: its length, then the names with commas (RFC 4251 §5).
fn list<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, behind) = rest.split_first_chunk()?;
    let (names, behind) = behind.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    *rest = behind;
    Some(names)
}
