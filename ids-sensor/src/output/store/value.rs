//! How an alert lies in the database: a format byte, a checksum, and the record, compressed.
//!
//! `1`, CRC-32C of the rest (RFC 3720 §B.4, big endian), LZ4 block with its length before it. The database
//! itself does not notice flipped bits in values.

/// The only format so far.
const LZ4: u8 = 1;

/// Larger records are not written by us.
const MAX_RECORD: usize = 64 << 20;

/// Packs a record.
pub fn pack(record: &[u8]) -> Vec<u8> {
    let body = lz4_flex::block::compress_prepend_size(record);
    let mut value = Vec::with_capacity(body.len() + 5);
    value.push(LZ4);
    value.extend(crc32c::crc32c(&body).to_be_bytes());
    value.extend(body);
    value
}

/// Unpacks a record; `None` if it is damaged or of a format of the future.
pub fn unpack(value: &[u8]) -> Option<Vec<u8>> {
    let (&format, rest) = value.split_first()?;
    let (sum, body) = rest.split_first_chunk::<4>()?;
    if format != LZ4 || crc32c::crc32c(body).to_be_bytes() != *sum {
        return None;
    }
    let (length, _) = body.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*length) as usize > MAX_RECORD {
        return None;
    }
    lz4_flex::block::decompress_size_prepended(body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_is_noticed() {
        let record = br#"{"event_type":"alert","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","alert":{}}"#.repeat(3);
        let value = pack(&record);
        assert_eq!(unpack(&value).as_deref(), Some(&record[..]));
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unpack(&damaged), None, "bit {bit}");
        }
        for length in 0..value.len() {
            assert_eq!(unpack(&value[..length]), None, "cut to {length}");
        }
    }
}
