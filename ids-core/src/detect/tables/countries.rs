//! Which country an address is in, as a MaxMind database says.
//!
//! In: the bytes of an `mmdb` file with `country.iso_code` (GeoLite2-Country and its like).  Out: a code of two letters.
//! Source: the MaxMind DB format, version 2.0.

use std::net::IpAddr;

use maxminddb::{PathElement, Reader};

/// A code of ISO 3166-1, two capital letters.
pub(crate) type Code = [u8; 2];

/// The database.
#[derive(Debug)]
pub struct Countries(Reader<Vec<u8>>);

impl Countries {
    /// In: the content of the file. `Err`: why it is of no use.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        Reader::from_source(bytes).map(Self).map_err(|error| format!("is no MaxMind database: {error}"))
    }

    /// Where an address is; `None` where the database does not say, as for private ones.
    pub(crate) fn of(&self, address: IpAddr) -> Option<Code> {
        const ISO_CODE: [PathElement<'_>; 2] = [PathElement::Key("country"), PathElement::Key("iso_code")];
        let code: &str = self.0.lookup(address).ok()?.decode_path(&ISO_CODE).ok()??;
        code.as_bytes().try_into().ok()
    }
}
